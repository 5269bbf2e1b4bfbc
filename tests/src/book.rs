//! The code of the guide, compiled as documentation tests: `cargo test --doc -p ffi-guard-tests`.

macro_rules! pages {
    ($($page:ident = $path:literal;)*) => { $(
        #[doc = include_str!(concat!("../../docs/src/", $path))]
        mod $page {}
    )* };
}

pages! {
    introduction = "introduction.md";
    getting_started = "getting-started.md";
    one_command = "one-command.md";
    levels = "levels.md";
    level_3 = "level-3.md";
    attributes = "attributes.md";
    callbacks = "callbacks.md";
    rules = "rules.md";
    c_heap = "c-heap.md";
    copied = "copied.md";
    pinning = "pinning.md";
    patterns = "patterns.md";
    reading_a_report = "reading-a-report.md";
    report = "report.md";
    report_json = "report-json.md";
    testing = "testing.md";
    ci = "ci.md";
    annotating = "annotating.md";
    contracts = "contracts.md";
    bindgen = "bindgen.md";
    dependencies = "dependencies.md";
    reach = "reach.md";
    builds = "builds.md";
    how_it_works = "how-it-works.md";
    limits = "limits.md";
    what_you_lose = "what-you-lose.md";
    cost = "cost.md";
    crossing_cost = "crossing-cost.md";
    comparison = "comparison.md";
    faq = "faq.md";
    nested_pointer = "rules/nested_pointer.md";
    dangling_pointer = "rules/dangling_pointer.md";
    dangling_field = "rules/dangling_field.md";
    out_of_bounds = "rules/out_of_bounds.md";
    unterminated_string = "rules/unterminated_string.md";
    null_pointer = "rules/null_pointer.md";
    misaligned_pointer = "rules/misaligned_pointer.md";
    invalid_value = "rules/invalid_value.md";
    invalid_result = "rules/invalid_result.md";
    abi_mismatch = "rules/abi_mismatch.md";
    clashing_declaration = "rules/clashing_declaration.md";
    split_library = "rules/split_library.md";
    returned_pointer = "rules/returned_pointer.md";
    wrong_thread = "rules/wrong_thread.md";
    stale_handle = "rules/stale_handle.md";
    retained_pointer = "rules/retained_pointer.md";
    freed_while_retained = "rules/freed_while_retained.md";
    buffer_overflow = "rules/buffer_overflow.md";
    write_through_const = "rules/write_through_const.md";
    uninitialised_memory = "rules/uninitialised_memory.md";
    use_after_free = "rules/use_after_free.md";
    alloc_dealloc_mismatch = "rules/alloc_dealloc_mismatch.md";
    double_free = "rules/double_free.md";
    leaked_ownership = "rules/leaked_ownership.md";
}
