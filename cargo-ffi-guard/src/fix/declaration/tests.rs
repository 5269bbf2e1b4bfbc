use super::*;

fn proposal(on: On, words: &str, replaces: Option<&'static str>) -> Proposal {
    Proposal { help: String::new(), on, words: words.into(), replaces }
}

fn on(parameter: &str) -> On {
    On::Parameter(parameter.into())
}

/// Adds the attribute; the text after that.
fn added(text: &str, line: u64, proposal: &Proposal) -> Result<String, String> {
    let declared = find(text, "f", line).ok_or("not found")?;
    match declared.add(text, proposal) {
        Added::Edit(Edit { range, text: new }) => Ok(format!("{}{new}{}", &text[..range.start], &text[range.end..])),
        Added::There => Err("there".into()),
        Added::Misfit(why) => Err(why),
    }
}

/// Asserts that the attribute goes where `@` stands.
#[track_caller]
fn goes(text: &str, at: &str, on: On, words: &str) {
    let (plain, expected) = (text.replace('@', ""), text.replace('@', at));
    assert_eq!(added(&plain, 1, &proposal(on, words, None)).as_deref(), Ok(expected.as_str()));
}

#[test]
fn an_attribute_goes_on_its_parameter_and_all_else_stays() {
    let retained = "#[guard(retained)] ";
    goes("#[guard] extern \"C\" { fn f(@p: *mut u8, n: usize); }", retained, on("p"), "retained");
    goes(
        "#[ffi_guard::guard(keep_abi)]\nunsafe extern { /// ä\n pub fn f( a:u8 ,\n\t@r#p : P) ; }",
        retained,
        on("p"),
        "retained",
    );
    goes(
        "#![x]\n#[guard] extern \"C\" { fn g(p: P); fn f(g: fn(u8, u8) -> A<u8, u8>, @p: P, ...); }",
        retained,
        on("p"),
        "retained",
    );
    goes("m! { #[guard] extern \"C\" { fn f(@_: P); } }", retained, on("arg1"), "retained");
    goes("#!/usr/bin/env x\n#[guard] extern \"C\" { fn f(@#[cfg(a)] p: P); }", retained, on("p"), "retained");
    let under = "#[cfg_attr(feature = \"guard\", guard(opaque))] ";
    goes("#[cfg_attr(feature = \"guard\", ffi_guard::guard)] extern \"C\" { fn f(@p: P); }", under, on("p"), "opaque");
}

#[test]
fn words_join_those_that_are_there() {
    let block = |inside: &str| format!("#[guard] extern \"C\" {{ fn f({inside}); }}");
    goes(&block("#[guard(cstr@)] p: P"), ", retained", on("p"), "retained");
    goes(&block("#[guard(cstr@, )] p: P"), ", retained", on("p"), "retained");
    goes(&block("#[guard(@)] p: P"), "retained", on("p"), "retained");
    goes(&block("#[cfg_attr(x, ffi_guard::guard(cstr@))] p: P"), ", retained", on("p"), "retained");
    goes(&block("#[guard(counted_by = (n, 2).0@)] p: P, n: usize"), ", retained", on("p"), "retained");
    let text = block("#[guard(nonnull, retained)] p: P");
    assert_eq!(added(&text, 1, &proposal(on("p"), "retained", None)), Err("there".to_owned()));
}

#[test]
fn a_word_takes_the_place_of_another() {
    let replaced = proposal(on("p"), "sized_by = n", Some("counted_by"));
    let block = |words: &str| format!("#[guard] extern \"C\" {{ fn f(#[guard({words})] p: P, n: usize); }}");
    assert_eq!(added(&block("nonnull, counted_by=n, out"), 1, &replaced), Ok(block("nonnull, sized_by = n, out")));
    let unnamed = proposal(on("p"), "counted_by = len", Some("cstr"));
    assert!(added(&block("cstr"), 1, &unnamed).unwrap_err().contains("`len`, which is no parameter"));
    assert!(added(&block("cstr"), 1, &proposal(on("q"), "out", None)).unwrap_err().contains("no parameter `q`"));
}

#[test]
fn a_functions_attribute_has_its_line() {
    let text = "#[guard]\nextern \"C\" {\n    /// Doc.\n    pub fn f(p: P);\n}\n";
    let expected = text.replace("    /// Doc.", "    #[guard(returns(owned))]\n    /// Doc.");
    assert_eq!(added(text, 4, &proposal(On::Function, "returns(owned)", None)), Ok(expected));
    let callback = "#[ffi_guard::guard@]\npub extern \"C\" fn f(p: P) -> *mut u8 { g(p) }\n";
    goes(callback, "(returns(retained))", On::Function, "returns(retained)");
    let callback = "#[ffi_guard::guard(on_panic = 1@)]\npub extern \"C\" fn f(p: P) -> *mut u8 { g(p) }\n";
    goes(callback, ", returns(retained)", On::Function, "returns(retained)");
}

#[test]
fn of_two_functions_the_line_decides() {
    let text = "mod a { #[guard] extern \"C\" { fn f(p: P); } }\nmod b { #[guard] extern \"C\" { fn f(p: P); } }\n";
    let retained = proposal(on("p"), "retained", None);
    let lines = text.lines().map(|line| line.replace("fn f(", "fn f(#[guard(retained)] ") + "\n").collect::<Vec<_>>();
    let first = text.lines().next().unwrap();
    assert_eq!(added(text, 2, &retained), Ok(format!("{first}\n{}", lines[1])));
    assert_eq!(added(text, 9, &retained), Err("not found".to_owned()), "either could be meant");
    let one = "\n\nmod a { #[guard] extern \"C\" { fn f(p: P); } }\n";
    assert!(added(one, 1, &retained).is_ok(), "lines have moved");
}

#[test]
fn what_a_declaration_says_of_itself_is_read() {
    let text = "extern \"C\" { #[link_name = \"c_f\"] pub fn f(a: A, _: B, ...); }\nfn f() {}";
    let declared = find(text, "f", 1).unwrap();
    assert_eq!((declared.symbol.as_str(), &declared.guard), ("c_f", &Guard::None));
    assert_eq!(declared.parameters.iter().map(|it| it.name.as_str()).collect::<Vec<_>>(), ["a", "arg2"]);
    assert_eq!(find("#[guard] extern \"C\" { fn f(); }", "f", 1).unwrap().guard, Guard::Plain);
}
