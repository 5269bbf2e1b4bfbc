//! A fault in the pages of a copy that C works, or worked, on (`copied`). Runs in a signal handler.

use super::fault::{About, tell_once};
use crate::copied::{self, CopyRecord};
use crate::facts::{BlockFacts, LastLoan};
use crate::heap::trace::TraceId;
use crate::platform::fault::{Answer, Fault};
use crate::reentry;
use crate::rule::{Rule, Severity};

/// The answer to a fault, as the owner of the copies.
pub(super) fn answer(fault: &Fault) -> Answer {
    let Some(record) = copied::of(fault.address) else { return Answer::NotMine };
    if reentry::inside() {
        return Answer::NotMine;
    }
    let rule = if record.open { Rule::BufferOverflow } else { Rule::RetainedPointer };
    let opened = || if copied::open(fault.address) { Answer::GoOn } else { Answer::NotMine };
    let severity = record.site().severity(rule, Some(record.parameter));
    if severity == Severity::Allow {
        return opened();
    }
    tell_once(fault, about(&record), severity, opened)
}

fn about(record: &CopyRecord) -> About {
    let CopyRecord { copy, len, function, location, thread, open, .. } = *record;
    let parameter = function.declaration.parameters.get(record.parameter);
    let none = TraceId(0);
    About {
        block: BlockFacts {
            address: copy,
            size: len,
            align: 1,
            live: open,
            allocated: none,
            allocated_by: 0,
            freed: none,
            freed_by: 0,
            of_c: false,
            freed_under: None,
        },
        lent: Some(LastLoan { function, location, thread }),
        copy: Some(parameter.map_or("_", |parameter| parameter.name)),
        given_to: None,
    }
}
