//! Cargo's own options among the user's arguments: all before `--`.

/// The value of an option among cargo's, in either form.
pub(crate) fn value_of(arguments: &[String], name: &str) -> Option<String> {
    let of_cargo = arguments.iter().take_while(|word| *word != "--");
    let mut words = of_cargo.clone().skip_while(|word| *word != name);
    let apart = words.next().and_then(|_| words.next()).cloned();
    let prefix = format!("{name}=");
    apart.or_else(|| of_cargo.clone().find_map(|word| word.strip_prefix(&prefix)).map(String::from))
}

/// All values of an option among cargo's, by its names, in either form.
pub(crate) fn values_of(arguments: &[String], names: &[&str]) -> Vec<String> {
    let mut values = Vec::new();
    let mut words = arguments.iter().take_while(|word| *word != "--");
    while let Some(word) = words.next() {
        match word.split_once('=') {
            Some((name, value)) if names.contains(&name) => values.push(value.to_owned()),
            _ if names.contains(&word.as_str()) => values.extend(words.next().cloned()),
            _ => {}
        }
    }
    values
}
