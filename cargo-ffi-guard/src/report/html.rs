//! The report as one HTML file, which asks nothing of the network.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::fold::{Finding, Standing};
use super::{Report, rules, terminal};

/// The file: the page's own text with the findings in it, as JSON.
#[must_use]
pub fn text(report: &Report) -> String {
    let data = json!({
        "summary": terminal::summary(report).trim_end(),
        "findings": report.findings.iter().map(finding).collect::<Vec<Value>>(),
        "crossings": report.crossings,
    });
    // `</script>` in a text would end the element, and `<!--` would change how its end is found.
    let data = data.to_string().replace('<', "\\u003c");
    // A page of many findings makes no objects of what is not looked at. Its first line has the texts.
    let mut texts = Texts::default();
    let lines: String = report
        .findings
        .iter()
        .map(|finding| detail(finding, &mut texts).to_string().replace('<', "\\u003c") + "\n")
        .collect();
    let details = json!(texts.all).to_string().replace('<', "\\u003c") + "\n" + &lines;
    include_str!("html/page.html")
        .replace("/*style*/", include_str!("html/page.css"))
        .replace("/*script*/", include_str!("html/page.js"))
        .replace("{\"data\":null}", &data)
        .replace("{\"details\":null}", &details)
}

/// What the table has of a finding, and what the filter looks at.
fn finding(finding: &Finding) -> Value {
    let standing = match &finding.standing {
        Standing::New => finding.severity(),
        Standing::Known => "known",
        Standing::Suppressed(_) => "suppressed",
    };
    json!({
        "id": finding.id,
        "standing": standing,
        "rule": finding.first.rule,
        "function": finding.function(),
        "crate": finding.krate(),
        "parameter": finding.parameter(),
        "caller": finding.enclosing,
        "sites": finding.sites.iter().map(|site| format!("{}:{}", site.file, site.line)).collect::<Vec<String>>(),
        "count": finding.count,
        "message": finding.first.message,
    })
}

/// The lines of reports, helps and backtraces, each once: most of them are the same in many findings.
#[derive(Default)]
struct Texts {
    all: Vec<String>,
    places: HashMap<String, usize>,
}

impl Texts {
    /// The place of a text in the list.
    fn place(&mut self, text: &str) -> usize {
        if let Some(place) = self.places.get(text) {
            return *place;
        }
        self.all.push(text.to_owned());
        self.places.insert(text.to_owned(), self.all.len() - 1);
        self.all.len() - 1
    }

    fn places<'a>(&mut self, texts: impl IntoIterator<Item = &'a str>) -> Vec<usize> {
        texts.into_iter().map(|text| self.place(text)).collect()
    }
}

/// The rest of it, which is shown when it is opened. Numbers lead into the list of texts.
fn detail(finding: &Finding, texts: &mut Texts) -> Value {
    let violation = &finding.first;
    let mut frames = |frames: &[super::Frame]| {
        let line = |frame: &super::Frame| {
            let place = frame.place().map_or_else(|| "?".into(), |place| format!("{}:{}", place.file, place.line));
            format!("{place}  {}", frame.function.as_deref().unwrap_or_default())
        };
        frames.iter().map(|frame| texts.place(&line(frame))).collect::<Vec<usize>>()
    };
    let block = violation.block.as_ref().map(|block| {
        json!({
            "address": block.address,
            "size": block.size,
            "live": block.live,
            "allocated": frames(&block.allocated),
            "freed": frames(&block.freed),
        })
    });
    let reason = match &finding.standing {
        Standing::Suppressed(reason) => Some(reason),
        Standing::New | Standing::Known => None,
    };
    let declared = violation.function.as_ref().and_then(|function| function.declared.as_ref());
    json!({
        "reason": reason,
        "about": texts.place(rules::about(&violation.rule)),
        "page": texts.place(&rules::page(&violation.rule)),
        "type": violation.parameter.as_ref().map(|parameter| &parameter.ty),
        "declared": declared.map(|place| format!("{}:{}", place.file, place.line)),
        "block": block,
        "finding": violation.finding,
        "place": violation.place,
        "help": texts.places(violation.help.iter().map(String::as_str)),
        "notes": texts.places(violation.notes.iter().map(String::as_str)),
        "text": violation.text.as_deref().map(|text| texts.places(text.lines())),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_can_leave_the_data_and_nothing_is_asked_of_the_network() {
        let line = r#"{"version":1,"rule":"null_pointer","severity":"deny","message":"</script><script>alert(1)</script><!--","function":{"name":"f","module":"a"}}"#;
        let page = text(&Report::of_lines([line]).unwrap());
        assert_eq!(page.matches("</script>").count(), 3);
        assert!(!page.contains("<!--") && !page.contains("alert(1)</script>"));
        for word in ["src=", "@import", "url(", "fetch(", "<link"] {
            assert!(!page.contains(word), "{word}");
        }
    }
}
