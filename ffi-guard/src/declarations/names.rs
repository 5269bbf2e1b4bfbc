//! Names of fields that mean the same on both sides, though each language writes them in its way:
//! `nextIn` and `next_in`, `st_size` and `size`, `type` and `r#type` or `type_`.

use std::collections::HashMap;

/// The pairs of names, as indices: first those that are the same, then those that are but for the
/// style. A name that could belong to two is in no pair.
pub(super) fn pairs(rust: &[&str], c: &[&str]) -> Vec<(usize, usize)> {
    let mut pairs = Vec::new();
    let (mut left, mut left_of_c): (Vec<usize>, Vec<usize>) = ((0..rust.len()).collect(), (0..c.len()).collect());
    let (words, words_of_c) = (Words::of(rust), Words::of(c));
    let as_written: (Vec<String>, Vec<String>) = (owned(rust), owned(c));
    for (one, other) in [
        as_written,
        (words.joined(0), words_of_c.joined(0)),
        (words.joined(words.shared), words_of_c.joined(words_of_c.shared)),
    ] {
        let (by_name, by_name_of_c) = (by_name(&one, &left), by_name(&other, &left_of_c));
        let same = by_name.iter().filter(|(name, _)| !name.is_empty());
        let same = same.filter_map(|(name, index)| Some(((*index)?, (*by_name_of_c.get(name)?)?)));
        let found: Vec<(usize, usize)> = same.collect();
        left.retain(|index| found.iter().all(|(one, _)| one != index));
        left_of_c.retain(|index| found.iter().all(|(_, other)| other != index));
        pairs.extend(found);
    }
    pairs.sort_unstable();
    pairs
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

/// The index of each of these names; `None` for one that several have.
fn by_name<'a>(names: &'a [String], of: &[usize]) -> HashMap<&'a str, Option<usize>> {
    let mut all = HashMap::new();
    for &index in of {
        all.entry(names[index].as_str()).and_modify(|known| *known = None).or_insert(Some(index));
    }
    all
}

/// The words of all names of a struct.
struct Words {
    of: Vec<Vec<String>>,
    /// The number of words with which all of them begin: `st` of `st_dev`, `st_ino`.
    shared: usize,
}

impl Words {
    fn of(names: &[&str]) -> Words {
        let of: Vec<Vec<String>> = names.iter().map(|name| words(name)).collect();
        let named: Vec<&Vec<String>> = of.iter().filter(|words| !words.is_empty()).collect();
        // Something is left of each.
        let most = named.iter().map(|words| words.len() - 1).min().unwrap_or(0);
        let is_shared = |at: &usize| named.iter().all(|words| words[*at] == named[0][*at]);
        let shared = if named.len() > 1 { (0..most).take_while(is_shared).count() } else { 0 };
        Words { of, shared }
    }

    /// The names in small letters, without the first words.
    fn joined(&self, without: usize) -> Vec<String> {
        self.of.iter().map(|words| words.get(without..).unwrap_or_default().concat()).collect()
    }
}

/// The words of a name, in small letters: `next`, `in` of `next_in`, `nextIn` and `NextIn`.
fn words(name: &str) -> Vec<String> {
    let letters: Vec<char> = name.trim_start_matches("r#").chars().collect();
    let mut words = vec![String::new()];
    for (at, &letter) in letters.iter().enumerate() {
        let is_lower = |at: usize| letters.get(at).is_some_and(|letter| letter.is_lowercase());
        let before = at.checked_sub(1).and_then(|before| letters.get(before));
        let begins = letter.is_uppercase() && before.is_some_and(|before| !before.is_uppercase() || is_lower(at + 1));
        let is_part = letter.is_alphanumeric();
        if begins || !is_part {
            words.push(String::new());
        }
        if is_part && let Some(word) = words.last_mut() {
            word.extend(letter.to_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_words() {
        for (name, expected) in [
            ("next_in", "next in"),
            ("nextIn", "next in"),
            ("NextIn", "next in"),
            ("r#type", "type"),
            ("type_", "type"),
            ("__st_dev", "st dev"),
            ("parseXMLFile", "parse xml file"),
            ("iVersion", "i version"),
            ("MAX", "max"),
            ("at[0].x", "at 0 x"),
            ("", ""),
            ("_", ""),
        ] {
            assert_eq!(words(name).join(" "), expected, "{name}");
        }
    }

    #[test]
    fn each_name_belongs_to_one_at_most() {
        let of = |rust: &[&str], c: &[&str]| pairs(rust, c);
        assert_eq!(of(&["a", "b"], &["b", "a"]), [(0, 1), (1, 0)]);
        assert_eq!(of(&["next_in", "avail_in"], &["availIn", "nextIn"]), [(0, 1), (1, 0)]);
        assert_eq!(of(&["dev", "ino"], &["st_dev", "st_ino"]), [(0, 0), (1, 1)]);
        assert_eq!(of(&["st_dev", "st_ino"], &["ino", "dev"]), [(0, 1), (1, 0)]);
        assert_eq!(of(&["type_", "size"], &["type", "length"]), [(0, 0)]);
        // What is written alike comes first.
        assert_eq!(of(&["size", "Size"], &["Size", "size"]), [(0, 1), (1, 0)]);
        // Which of the two is meant is not known.
        assert_eq!(of(&["size_", "other"], &["Size", "SIZE"]), []);
        // One name has no first word that it shares.
        assert_eq!(of(&["dev"], &["st_dev"]), []);
        assert_eq!(of(&["", "_0"], &["", ""]), []);
    }
}
