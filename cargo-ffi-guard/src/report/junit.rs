//! JUnit's XML, for the pages of CI systems: one suite, and a case for each finding, so that one
//! that came after its test had ended is not lost.

use std::fmt::Write as _;

use super::Report;
use super::fold::{Finding, Standing};

/// The file.
#[must_use]
pub fn text(report: &Report) -> String {
    let failures = report.findings.iter().filter(|finding| finding.fails()).count();
    let skipped = report.findings.iter().filter(|finding| finding.standing != Standing::New).count();
    // A suite without any case is an error to some readers.
    let cases = report.findings.len().max(1);
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let counts = format!("tests=\"{cases}\" failures=\"{failures}\" errors=\"0\"");
    let _ = writeln!(text, "<testsuites name=\"ffi-guard\" {counts}>");
    let _ = writeln!(text, "  <testsuite name=\"ffi-guard\" {counts} skipped=\"{skipped}\">");
    if report.findings.is_empty() {
        text += "    <testcase classname=\"ffi-guard\" name=\"nothing found\"/>\n";
    }
    report.findings.iter().for_each(|finding| text += &case(finding));
    text += "  </testsuite>\n</testsuites>\n";
    text
}

fn case(finding: &Finding) -> String {
    let class = format!("ffi-guard.{}.{}", finding.krate().unwrap_or("-"), finding.function().unwrap_or("-"));
    let parameter = finding.parameter().map(|name| format!(" of {name}")).unwrap_or_default();
    let caller = finding.enclosing.as_ref().map(|name| format!(" in {name}")).unwrap_or_default();
    let name = format!("{}{parameter}{caller}", finding.first.rule);
    let site = finding
        .site()
        .map_or_else(String::new, |site| format!(" file=\"{}\" line=\"{}\"", attribute(&site.file), site.line));
    let mut text = format!("    <testcase classname=\"{}\" name=\"{}\"{site}>\n", attribute(&class), attribute(&name));
    let report = finding.first.text.as_deref().unwrap_or(&finding.first.message);
    let message = attribute(&finding.first.message);
    text += &match &finding.standing {
        Standing::New if finding.denied => format!(
            "      <failure message=\"{message}\" type=\"{}\">{}</failure>\n",
            attribute(&finding.first.rule),
            content(report)
        ),
        Standing::New => format!("      <system-out>{}</system-out>\n", content(report)),
        Standing::Known => "      <skipped message=\"in the baseline\"/>\n".to_owned(),
        Standing::Suppressed(reason) => {
            format!("      <skipped message=\"suppressed: {}\"/>\n", attribute(reason))
        }
    };
    text + "    </testcase>\n"
}

fn content(text: &str) -> String {
    let escaped = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    // XML 1.0 has no other characters below the blank.
    escaped.chars().filter(|c| *c >= ' ' || matches!(c, '\n' | '\t')).collect()
}

fn attribute(text: &str) -> String {
    content(text).replace('"', "&quot;").replace('\n', "&#10;").replace('\t', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_for_each_finding_and_one_for_none() {
        assert!(text(&Report::default()).contains("<testcase classname=\"ffi-guard\" name=\"nothing found\"/>"));
        let line = r#"{"version":1,"rule":"null_pointer","severity":"deny","message":"`a` of `f<\"T\">` is null","function":{"name":"f","module":"x_sys::b"},"parameter":{"index":0,"name":"a"},"site":{"file":"src/a.rs","line":3,"column":2},"text":"a & b\u0007 <c>"}"#;
        let report = Report::of_lines([line]).unwrap();
        let text = text(&report);
        assert!(text.contains(
            "<testcase classname=\"ffi-guard.x_sys.f\" name=\"null_pointer of a\" file=\"src/a.rs\" line=\"3\">"
        ));
        assert!(text.contains("<failure message=\"`a` of `f&lt;&quot;T&quot;&gt;` is null\" type=\"null_pointer\">a &amp; b &lt;c&gt;</failure>"), "{text}");
        assert!(text.contains("tests=\"1\" failures=\"1\""));
    }
}
