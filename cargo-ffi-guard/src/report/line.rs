//! One line of `GUARD_REPORT`, as `docs/src/report-json.md` describes it. What is not read here is
//! kept as it came.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The format that is read.
const FORMAT: u64 = 1;

/// A line.
#[derive(Clone, Debug)]
pub enum Line {
    /// Something that was found.
    Violation(Box<Violation>),
    /// At the end of a process: how often places were seen that it wrote once.
    Counts(Vec<Repeated>),
    /// At the end of a process with `GUARD_STATS=1`: what crossing the border took.
    Statistics(Vec<Crossing>),
}

/// One violation.
#[derive(Clone, Debug, Deserialize)]
pub struct Violation {
    /// The rule's name.
    pub rule: String,
    /// `warn` or `deny`.
    pub severity: String,
    /// The violation in one sentence.
    #[serde(default)]
    pub message: String,
    /// The declaration of the foreign function.
    pub function: Option<Function>,
    /// The parameter, if it is about one.
    pub parameter: Option<Parameter>,
    /// The call.
    pub site: Option<Place>,
    /// Of what C hands to a callback: the guarded call that lent it.
    pub lent_by: Option<Call>,
    /// The block of Rust's heap.
    pub block: Option<Block>,
    /// What was seen, by the rule's own names.
    #[serde(default)]
    pub finding: Value,
    /// Where C keeps the pointer.
    #[serde(default)]
    pub place: Value,
    /// True if the program got it as a value.
    #[serde(default)]
    pub caught: bool,
    /// The report as a terminal shows it, without colour.
    pub text: Option<String>,
    /// The ways out.
    #[serde(default)]
    pub help: Vec<String>,
    /// How it was found, and what is not known.
    #[serde(default)]
    pub notes: Vec<String>,
    /// The Rust function that called, if the process had its source at hand.
    pub enclosing: Option<String>,
    /// The reason for which it was suppressed when it was met.
    pub suppressed: Option<String>,
}

/// A foreign function.
#[derive(Clone, Debug, Deserialize)]
pub struct Function {
    /// Its name in Rust.
    pub name: String,
    /// The module that declares it.
    #[serde(default)]
    pub module: String,
    /// Where it is declared.
    #[serde(flatten)]
    pub declared: Option<Place>,
}

/// A parameter.
#[derive(Clone, Debug, Deserialize)]
pub struct Parameter {
    /// From 0.
    #[serde(default)]
    pub index: u64,
    /// Its name, or `argN`.
    pub name: String,
    /// Its type as written.
    #[serde(rename = "type", default)]
    pub ty: String,
}

/// A place in a source.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Place {
    /// As rustc knows it: relative to the checkout for the program's own, absolute for others.
    pub file: String,
    /// From 1.
    pub line: u64,
    /// From 1; 0 if it is not known.
    #[serde(default)]
    pub column: u64,
}

/// A call.
#[derive(Clone, Debug, Deserialize)]
pub struct Call {
    /// The function.
    pub function: Function,
    /// Where it was called.
    pub site: Option<Place>,
}

/// A block of memory.
#[derive(Clone, Debug, Deserialize)]
pub struct Block {
    /// In hexadecimal.
    pub address: String,
    /// In bytes.
    pub size: u64,
    /// False once it was freed.
    #[serde(default)]
    pub live: bool,
    /// The backtrace of its allocation, innermost frame first.
    #[serde(default)]
    pub allocated: Vec<Frame>,
    /// The backtrace of its end.
    #[serde(default)]
    pub freed: Vec<Frame>,
}

/// A frame of a backtrace.
#[derive(Clone, Debug, Deserialize)]
pub struct Frame {
    /// The function, if it has a symbol.
    pub function: Option<String>,
    /// The file, if debug information has it.
    pub file: Option<String>,
    /// From 1.
    pub line: Option<u64>,
    /// From 1.
    pub column: Option<u64>,
}

impl Frame {
    /// Its place.
    #[must_use]
    pub fn place(&self) -> Option<Place> {
        Some(Place { file: self.file.clone()?, line: self.line?, column: self.column.unwrap_or(0) })
    }
}

/// A place that a process saw more than once.
#[derive(Clone, Debug, Deserialize)]
pub struct Repeated {
    /// The rule's name.
    pub rule: String,
    /// The function's name; empty without one.
    #[serde(default)]
    pub function: String,
    /// The parameter's index.
    pub parameter: Option<u64>,
    /// The call.
    pub site: Option<Place>,
    /// True if the program got it as a value.
    #[serde(default)]
    pub caught: bool,
    /// How often, the first time included.
    pub seen: u64,
}

/// The calls of one guarded function by one process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Crossing {
    /// The function's name.
    pub name: String,
    /// The module that declares it.
    #[serde(default)]
    pub module: String,
    /// True for a Rust function that C calls.
    #[serde(default)]
    pub callback: bool,
    /// How often it was called.
    pub calls: u64,
    /// Nanoseconds in C, or in the callback.
    pub callee_ns: u64,
    /// Nanoseconds in checks.
    pub checks_ns: u64,
    /// Bytes lent.
    pub lent_bytes: u64,
}

impl Line {
    /// Reads a line.
    ///
    /// # Errors
    ///
    /// It is no JSON object, or of another format.
    pub fn read(line: &str) -> Result<Line, String> {
        let mut value: Value = serde_json::from_str(line).map_err(|error| error.to_string())?;
        match value["version"].as_u64() {
            Some(FORMAT) => {}
            Some(other) => {
                return Err(format!("format {other}, where this reads {FORMAT}: the tool and ffi-guard differ in age"));
            }
            None => return Err("no line of GUARD_REPORT: it has no `version`".into()),
        }
        let text = |error: serde_json::Error| error.to_string();
        if value.get("repeated").is_some() {
            return serde_json::from_value(value["repeated"].take()).map(Line::Counts).map_err(text);
        }
        if value.get("statistics").is_some() {
            return serde_json::from_value(value["statistics"].take()).map(Line::Statistics).map_err(text);
        }
        serde_json::from_value(value).map(|violation| Line::Violation(Box::new(violation))).map_err(text)
    }
}
