//! The rules by name, and how severe a breach of each is. The one list of them is in this file; the
//! macro crate has a copy, which a test compares with it.

use std::fmt;
use std::str::FromStr;

macro_rules! rules {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $level:literal, $severity:ident;)*) => {
        /// One rule of the border. RULES in the guide says exactly what each looks at.
        ///
        /// ```
        /// use ffi_guard::Rule;
        /// assert_eq!(Rule::NestedPointer.to_string(), "nested_pointer");
        /// assert_eq!("retained_pointer".parse(), Ok(Rule::RetainedPointer));
        /// ```
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum Rule { $($(#[$doc])* $variant,)* }

        impl Rule {
            /// Every rule, in the order of the guide.
            pub const ALL: &'static [Rule] = &[$(Rule::$variant,)*];

            /// The name that the environment, the attributes and the reports use.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Rule::$variant => $name,)* }
            }

            /// The lowest value of `GUARD` at which the rule is checked.
            #[must_use]
            pub const fn from_level(self) -> u8 {
                match self { $(Rule::$variant => $level,)* }
            }

            /// How severe a breach is if neither a setting nor the finding says otherwise.
            pub(crate) const fn severity(self) -> Severity {
                match self { $(Rule::$variant => Severity::$severity,)* }
            }
        }

        /// What `GUARD_ALLOW`, `GUARD_WARN` and `GUARD_DENY` take.
        pub(crate) const LISTS_OF_RULES: &str = concat!(
            "a comma list of rules (or `all`):",
            $(" ", $name,)*
            "; each in one of GUARD_ALLOW, GUARD_WARN, GUARD_DENY",
        );
    };
}

rules! {
    /// Rust memory handed to C holds a pointer to Rust memory.
    NestedPointer = "nested_pointer", 1, Deny;
    /// An argument, or what C returns, leads to Rust memory already freed.
    DanglingPointer = "dangling_pointer", 1, Deny;
    /// A pointer found in what an argument points to leads to Rust memory already freed. (Denied if
    /// the type or an attribute tells that it is a pointer that C may follow.)
    DanglingField = "dangling_field", 1, Deny;
    /// The pointee, or the stated extent, is larger than what is left of the Rust block.
    OutOfBounds = "out_of_bounds", 1, Deny;
    /// A `cstr` argument has no NUL before the end of its Rust block.
    UnterminatedString = "unterminated_string", 1, Deny;
    /// A `nonnull` argument is null.
    NullPointer = "null_pointer", 1, Deny;
    /// An argument is not aligned for its pointee.
    MisalignedPointer = "misaligned_pointer", 1, Deny;
    /// C returned, wrote or handed to a callback bytes that are no value of the declared Rust type.
    InvalidValue = "invalid_value", 1, Deny;
    /// What C gives back is not what the declaration says of it: `returns(..)`.
    InvalidResult = "invalid_result", 1, Deny;
    /// The declaration disagrees with C's debug info.
    AbiMismatch = "abi_mismatch", 2, Deny;
    /// Two declarations of one symbol pass different things. (A warning of the one that C's debug
    /// info agrees with.)
    ClashingDeclaration = "clashing_declaration", 2, Deny;
    /// One library is in the process twice, or is not the version that the declarations are of.
    /// (Denied if functions of one block are bound to both.)
    SplitLibrary = "split_library", 1, Deny;
    /// A guarded callback returns to C a pointer to Rust memory that is not pinned.
    ReturnedPointer = "returned_pointer", 1, Deny;
    /// A `thread_bound` object of C is used on another thread than the one it came from.
    WrongThread = "wrong_thread", 1, Deny;
    /// A `Handle` that was released, or never made, comes back from C.
    StaleHandle = "stale_handle", 1, Deny;
    /// C still holds a pointer it was only lent, after the call returned.
    RetainedPointer = "retained_pointer", 2, Deny;
    /// Rust frees or moves memory that is pinned, or that C was allowed to keep and still holds.
    FreedWhileRetained = "freed_while_retained", 2, Deny;
    /// C wrote before the start or past the end of a Rust block.
    BufferOverflow = "buffer_overflow", 2, Deny;
    /// C changed memory it was lent as `*const T` or `&T`.
    WriteThroughConst = "write_through_const", 2, Deny;
    /// C is lent memory to read that was never written, or has not filled what it was to fill.
    UninitialisedMemory = "uninitialised_memory", 2, Deny;
    /// Memory was freed by the side that did not allocate it, or with another layout.
    AllocDeallocMismatch = "alloc_dealloc_mismatch", 2, Deny;
    /// Memory was freed twice.
    DoubleFree = "double_free", 2, Deny;
    /// C touched Rust memory after Rust freed it.
    UseAfterFree = "use_after_free", 2, Deny;
    /// Memory given to C was neither freed nor handed back.
    LeakedOwnership = "leaked_ownership", 2, Warn;
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A name that is no rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownRule;

impl fmt::Display for UnknownRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no rule of ffi-guard has this name; the rules are:")?;
        Rule::ALL.iter().try_for_each(|rule| write!(f, " {rule}"))
    }
}

impl std::error::Error for UnknownRule {}

impl FromStr for Rule {
    type Err = UnknownRule;

    fn from_str(name: &str) -> Result<Self, UnknownRule> {
        Rule::ALL.iter().copied().find(|rule| rule.name() == name).ok_or(UnknownRule)
    }
}

/// The consequence of a breach of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Severity {
    /// The rule is not checked.
    Allow,
    /// The report is printed and the program goes on.
    Warn,
    /// The report is delivered as `GUARD_ON_VIOLATION` says: by default, as a panic.
    Deny,
}

/// Severities set in one place (the environment, a block, a function, a parameter): two bits for
/// each rule, zero for "not set here".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Severities(u64);

const _: () = assert!(Rule::ALL.len() * 2 <= 64, "two bits a rule must fit one word");

impl Severities {
    /// Nothing is set here.
    pub const NONE: Severities = Severities(0);

    /// Severities as the attribute writes them: two bits for each rule, in the rules' order.
    #[must_use]
    pub const fn of_bits(bits: u64) -> Severities {
        Severities(bits)
    }

    /// These severities with one rule set.
    #[must_use]
    pub const fn with(self, rule: Rule, severity: Severity) -> Severities {
        let shift = rule as u32 * 2;
        let bits = match severity {
            Severity::Allow => 1,
            Severity::Warn => 2,
            Severity::Deny => 3,
        };
        Severities(self.0 & !(3 << shift) | bits << shift)
    }

    /// The severity that is set here for a rule.
    #[must_use]
    pub const fn get(self, rule: Rule) -> Option<Severity> {
        match self.0 >> (rule as u32 * 2) & 3 {
            0 => None,
            1 => Some(Severity::Allow),
            2 => Some(Severity::Warn),
            _ => Some(Severity::Deny),
        }
    }

    /// These severities, and `weaker` for the rules that are not set here.
    #[must_use]
    pub const fn over(self, weaker: Severities) -> Severities {
        // A pair of bits is "set" when either is: spread that over both bits of the pair.
        let low = (self.0 | self.0 >> 1) & 0x5555_5555_5555_5555;
        let set = low | low << 1;
        Severities(self.0 | weaker.0 & !set)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_parses_back() {
        for &rule in Rule::ALL {
            assert_eq!(rule.name().parse(), Ok(rule));
        }
        assert_eq!("NestedPointer".parse::<Rule>(), Err(UnknownRule));
    }

    #[test]
    fn the_stronger_place_wins_rule_by_rule() {
        let weak = Severities::NONE.with(Rule::NestedPointer, Severity::Deny).with(Rule::DoubleFree, Severity::Warn);
        let strong =
            Severities::NONE.with(Rule::NestedPointer, Severity::Allow).with(Rule::LeakedOwnership, Severity::Deny);
        let both = strong.over(weak);
        assert_eq!(both.get(Rule::NestedPointer), Some(Severity::Allow));
        assert_eq!(both.get(Rule::LeakedOwnership), Some(Severity::Deny));
        assert_eq!(both.get(Rule::DoubleFree), Some(Severity::Warn));
        assert_eq!(Severities::NONE.get(Rule::DoubleFree), None);
    }

    #[test]
    fn only_ownership_that_leaks_is_a_warning_by_default() {
        for rule in Rule::ALL {
            assert_eq!(rule.severity() == Severity::Warn, *rule == Rule::LeakedOwnership, "{rule}");
        }
    }
}
