//! SARIF 2.1.0 (OASIS, "Static Analysis Results Interchange Format"), as GitHub's code scanning
//! reads it.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Map, Value, json};

use super::fold::{Finding, Standing};
use super::line::{Frame, Place};
use super::{Report, rules};

/// The most results that GitHub shows of one file (its documentation, "SARIF support for code
/// scanning"). The worst come first, so that it is the others that are left out.
const MOST: usize = 5_000;

/// The file. `checkout` is the folder of the sources: paths below it are written relative to it.
#[must_use]
pub fn text(report: &Report, checkout: &Path) -> String {
    let paths = Paths { checkout };
    let findings = &report.findings[..report.findings.len().min(MOST)];
    let names: BTreeSet<&str> = findings.iter().map(|finding| finding.first.rule.as_str()).collect();
    let names: Vec<&str> = names.into_iter().collect();
    let results: Vec<Value> = findings.iter().map(|finding| result(finding, &names, &paths)).collect();
    let left_out = report.findings.len() - findings.len();
    let mut run = json!({
        "tool": { "driver": {
            "name": "ffi-guard",
            "informationUri": "https://docs.rs/ffi-guard",
            "semanticVersion": env!("CARGO_PKG_VERSION"),
            "rules": names.iter().map(|name| rule(name)).collect::<Vec<Value>>(),
        }},
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": { ROOT: { "description": { "text": "The root of the checkout." } } },
        "results": results,
    });
    if left_out > 0 {
        let message = format!("{left_out} findings are left out: a file has at most {MOST}");
        run["invocations"] = json!([{
            "executionSuccessful": true,
            "toolExecutionNotifications": [{ "level": "warning", "message": { "text": message } }],
        }]);
    }
    let log = json!({
        "$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
        "version": "2.1.0",
        "runs": [run],
    });
    // Texts and numbers: nothing in it cannot be written.
    serde_json::to_string_pretty(&log).unwrap_or_default() + "\n"
}

/// The name under which SARIF's readers know the root of the checkout.
const ROOT: &str = "%SRCROOT%";

fn rule(name: &str) -> Value {
    json!({
        "id": name,
        "name": camel(name),
        "shortDescription": { "text": rules::about(name) },
        "fullDescription": { "text": format!("{}.", rules::about(name)) },
        "helpUri": rules::page(name),
        "help": {
            "text": format!("See {}", rules::page(name)),
            "markdown": format!("{}. [The rule's page]({}) has the bug in C and Rust, and ways out.", rules::about(name), rules::page(name)),
        },
        "properties": { "tags": ["ffi", "memory-safety"] },
    })
}

/// `NestedPointer` of `nested_pointer`.
fn camel(name: &str) -> String {
    name.split('_').map(|word| word[..1].to_uppercase() + &word[1..]).collect()
}

fn result(finding: &Finding, rules: &[&str], paths: &Paths<'_>) -> Value {
    let steps = steps(finding);
    // What is annotated is a line of the checkout, if any is in the story.
    let in_checkout = || steps.iter().find(|step| paths.is_inside(&step.place));
    let primary = finding.site().filter(|site| paths.is_inside(site)).or_else(|| in_checkout().map(|step| &step.place));
    let primary = primary.or(finding.site());
    let mut result = json!({
        "ruleId": finding.first.rule,
        "ruleIndex": rules.iter().position(|name| *name == finding.first.rule),
        "level": if finding.denied { "error" } else { "warning" },
        "message": { "text": message(finding) },
        "occurrenceCount": finding.count,
        "partialFingerprints": { "ffiGuard/v1": finding.id },
        "locations": primary.map(|place| vec![paths.location(place, None)]).unwrap_or_default(),
        "properties": {
            "function": finding.function(),
            "crate": finding.krate(),
            "parameter": finding.parameter(),
            "caller": finding.enclosing,
        },
    });
    let others = finding.sites.iter().filter(|site| Some(*site) != primary).map(|site| (site, "called here, too"));
    let story = steps.iter().filter(|step| Some(&step.place) != primary).map(|step| (&step.place, step.what));
    let related: Vec<Value> = others
        .chain(story)
        .enumerate()
        .map(|(number, (place, what))| {
            let mut location = paths.location(place, Some(what));
            location["id"] = json!(number + 1);
            location
        })
        .collect();
    if !related.is_empty() {
        result["relatedLocations"] = json!(related);
    }
    if steps.len() > 1 {
        let locations: Vec<Value> =
            steps.iter().map(|step| json!({ "location": paths.location(&step.place, Some(step.what)) })).collect();
        result["codeFlows"] = json!([{ "threadFlows": [{ "locations": locations }] }]);
    }
    match &finding.standing {
        Standing::New => {}
        Standing::Known => result["baselineState"] = json!("unchanged"),
        Standing::Suppressed(reason) => {
            result["suppressions"] = json!([{ "kind": "external", "status": "accepted", "justification": reason }]);
        }
    }
    drop_nulls(&mut result);
    result
}

/// What is read aloud: the sentence, and what to do.
fn message(finding: &Finding) -> String {
    let helps = finding.first.help.iter().map(|help| format!("\nhelp: {help}"));
    std::iter::once(finding.first.message.clone()).chain(helps).collect()
}

/// A place that belongs to what happened.
struct Step {
    place: Place,
    what: &'static str,
}

/// The places of the story, in the order of time.
fn steps(finding: &Finding) -> Vec<Step> {
    let first = |frames: &[Frame]| frames.iter().find_map(Frame::place);
    let step = |place: Option<Place>, what| place.map(|place| Step { place, what });
    let violation = &finding.first;
    let block = violation.block.as_ref();
    let lent = violation.lent_by.as_ref().and_then(|call| call.site.clone());
    let freed = step(block.and_then(|block| first(&block.freed)), "freed here");
    let site = step(finding.site().cloned(), "the call into C");
    let declared = violation.function.as_ref().and_then(|function| function.declared.clone());
    let start = [
        step(declared, "the declaration of the foreign function"),
        step(block.and_then(|block| first(&block.allocated)), "allocated here"),
        step(lent, "lent to C here"),
    ];
    // What C is handed after it was freed was freed before the call; else it was freed after.
    let is_dead_before = matches!(violation.rule.as_str(), "dangling_pointer" | "dangling_field" | "double_free");
    let end = if is_dead_before { [freed, site] } else { [site, freed] };
    start.into_iter().chain(end).flatten().filter(|step| step.place.line > 0).collect()
}

struct Paths<'a> {
    checkout: &'a Path,
}

impl Paths<'_> {
    /// The path below the checkout.
    fn inside<'p>(&self, place: &'p Place) -> Option<&'p Path> {
        let path = Path::new(&place.file);
        let inner = if path.is_absolute() { path.strip_prefix(self.checkout).ok()? } else { path };
        let leaves = inner.components().any(|part| part == std::path::Component::ParentDir);
        (!leaves).then_some(inner)
    }

    fn is_inside(&self, place: &Place) -> bool {
        self.inside(place).is_some()
    }

    fn location(&self, place: &Place, what: Option<&str>) -> Value {
        let artifact = match self.inside(place) {
            Some(path) => json!({ "uri": uri(&path.to_string_lossy()), "uriBaseId": ROOT }),
            None => json!({ "uri": format!("file://{}", uri(&place.file)) }),
        };
        let mut region = json!({ "startLine": place.line.max(1) });
        if place.column > 0 {
            region["startColumn"] = json!(place.column);
        }
        let mut location = json!({ "physicalLocation": { "artifactLocation": artifact, "region": region } });
        if let Some(what) = what {
            location["message"] = json!({ "text": what });
        }
        location
    }
}

/// A path as a URI has it (RFC 3986): other characters than these are written as their bytes.
fn uri(path: &str) -> String {
    let path = path.replace('\\', "/");
    let mut text = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => text.push(char::from(byte)),
            byte => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text
}

/// SARIF has no `null`: a member that is not known is absent.
fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(members) => {
            let kept: Map<String, Value> =
                std::mem::take(members).into_iter().filter(|(_, it)| !it.is_null()).collect();
            *members = kept;
            members.values_mut().for_each(drop_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_nulls),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(lines: &[&str]) -> Value {
        let report = Report::of_lines(lines.iter().copied()).unwrap();
        serde_json::from_str(&text(&report, Path::new("/checkout"))).unwrap()
    }

    const FREED: &str = r#"{"version":1,"rule":"freed_while_retained","severity":"deny","message":"`p` of `keep` was freed","function":{"name":"keep","module":"a_sys","file":"/registry/a-sys/src/lib.rs","line":3,"column":12},"parameter":{"index":0,"name":"p"},"site":{"file":"src/a b.rs","line":10,"column":5},"block":{"address":"0x10","size":8,"live":false,"allocated":[{"function":"main","file":"/checkout/src/main.rs","line":4,"column":1}],"freed":[{"function":"drop","file":null,"line":null,"column":null},{"function":"main","file":"src/main.rs","line":12,"column":9}]},"help":["keep it"]}"#;

    #[test]
    fn the_story_is_a_flow_from_the_allocation_to_the_end() {
        let log = log(&[FREED]);
        let result = &log["runs"][0]["results"][0];
        assert_eq!(result["message"]["text"], "`p` of `keep` was freed\nhelp: keep it");
        let place = &result["locations"][0]["physicalLocation"];
        assert_eq!(place["artifactLocation"]["uri"], "src/a%20b.rs");
        assert_eq!(place["artifactLocation"]["uriBaseId"], "%SRCROOT%");
        let flow = &result["codeFlows"][0]["threadFlows"][0]["locations"];
        let said: Vec<_> =
            flow.as_array().unwrap().iter().map(|step| step["location"]["message"]["text"].as_str()).collect();
        let expected = ["the declaration of the foreign function", "allocated here", "the call into C", "freed here"];
        assert_eq!(said, expected.map(Some));
        let declared = &flow[0]["location"]["physicalLocation"]["artifactLocation"];
        assert_eq!(declared["uri"], "file:///registry/a-sys/src/lib.rs");
        assert_eq!(flow[1]["location"]["physicalLocation"]["artifactLocation"]["uri"], "src/main.rs");
    }

    #[test]
    fn a_finding_keeps_its_fingerprint_while_lines_move() {
        let moved = FREED.replace("\"line\":10", "\"line\":99").replace("0x10", "0x20");
        let fingerprint = |log: Value| log["runs"][0]["results"][0]["partialFingerprints"]["ffiGuard/v1"].clone();
        assert_eq!(fingerprint(log(&[FREED])), fingerprint(log(&[&moved])));
        assert_eq!(log(&[FREED, &moved])["runs"][0]["results"].as_array().unwrap().len(), 1);
    }

    #[test]
    fn what_is_outside_of_the_checkout_is_told_at_a_line_inside() {
        let outside = FREED.replace("src/a b.rs", "/registry/b/src/lib.rs");
        let log = log(&[&outside]);
        let place = &log["runs"][0]["results"][0]["locations"][0]["physicalLocation"];
        assert_eq!(place["artifactLocation"]["uri"], "src/main.rs");
    }

    #[test]
    fn more_than_github_takes_are_left_out_and_said() {
        let lines: Vec<String> = (0..5_010)
            .map(|number| FREED.replace("\"name\":\"keep\"", &format!("\"name\":\"keep{number}\"")))
            .collect();
        let log = log(&lines.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(log["runs"][0]["results"].as_array().unwrap().len(), 5_000);
        let said = &log["runs"][0]["invocations"][0]["toolExecutionNotifications"][0]["message"]["text"];
        assert_eq!(said, "10 findings are left out: a file has at most 5000");
    }
}
