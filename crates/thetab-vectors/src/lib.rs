//! Reads golden vector files for tests.
//!
//! Promises: a field that no test read fails the test that dropped it, and a list is read with the number of cases that the
//! test expects, so that a file cannot grow or change unnoticed. For tests only: every surprise is a panic that names its place.

use std::{cell::RefCell, collections::BTreeMap};

use serde_json::Value;

/// One JSON object of a vector file. Each field is read once; dropping it with unread fields panics.
#[derive(Debug)]
pub struct Case {
    path: String,
    fields: RefCell<BTreeMap<String, Value>>,
}

impl Case {
    /// The whole file.
    pub fn open(json: &str) -> Case {
        Case::new("file", serde_json::from_str(json).expect("vector files are JSON"))
    }

    fn new(path: &str, value: Value) -> Case {
        let Value::Object(fields) = value else { panic!("{path} is not an object: {value}") };
        Case { path: path.into(), fields: RefCell::new(fields.into_iter().collect()) }
    }

    /// Takes a field as it stands.
    pub fn value(&self, name: &str) -> Value {
        self.optional(name).unwrap_or_else(|| panic!("{} has no field {name}", self.path))
    }

    /// Takes a field that some cases lack.
    pub fn optional(&self, name: &str) -> Option<Value> {
        self.fields.borrow_mut().remove(name)
    }

    /// Whether a field is there and unread.
    pub fn has(&self, name: &str) -> bool {
        self.fields.borrow().contains_key(name)
    }

    /// Drops fields that hold prose, where present.
    pub fn skip(&self, names: &[&str]) {
        for name in names {
            self.fields.borrow_mut().remove(*name);
        }
    }

    /// A string.
    pub fn text(&self, name: &str) -> String {
        match self.value(name) {
            Value::String(text) => text,
            other => panic!("{}.{name} is not a string: {other}", self.path),
        }
    }

    /// A number, or a decimal string.
    pub fn number(&self, name: &str) -> u64 {
        let value = self.value(name);
        as_number(&value).unwrap_or_else(|| panic!("{}.{name} is not a number: {value}", self.path))
    }

    /// A truth value.
    pub fn flag(&self, name: &str) -> bool {
        self.value(name).as_bool().unwrap_or_else(|| panic!("{}.{name} is not a boolean", self.path))
    }

    /// Bytes in hex, with or without `0x`.
    pub fn bytes(&self, name: &str) -> Vec<u8> {
        hex_bytes(&self.text(name))
    }

    /// Exactly `N` bytes in hex.
    pub fn array<const N: usize>(&self, name: &str) -> [u8; N] {
        let bytes = self.bytes(name);
        bytes.as_slice().try_into().unwrap_or_else(|_| panic!("{}.{name} is not {N} bytes", self.path))
    }

    /// An object.
    pub fn case(&self, name: &str) -> Case {
        Case::new(&format!("{}.{name}", self.path), self.value(name))
    }

    /// A list of exactly `count` values.
    pub fn list(&self, name: &str, count: usize) -> Vec<Value> {
        let list = self.any_list(name);
        assert_eq!(list.len(), count, "{}.{name} has another number of cases", self.path);
        list
    }

    /// A list whose length belongs to the case.
    pub fn any_list(&self, name: &str) -> Vec<Value> {
        match self.value(name) {
            Value::Array(list) => list,
            other => panic!("{}.{name} is not a list: {other}", self.path),
        }
    }

    /// A list of exactly `count` objects.
    pub fn cases(&self, name: &str, count: usize) -> Vec<Case> {
        to_cases(&self.path, name, self.list(name, count))
    }

    /// A list of objects whose length belongs to the case.
    pub fn any_cases(&self, name: &str) -> Vec<Case> {
        to_cases(&self.path, name, self.any_list(name))
    }

    /// A list of strings.
    pub fn texts(&self, name: &str) -> Vec<String> {
        self.any_list(name).iter().map(|v| v.as_str().expect("a list of strings").into()).collect()
    }

    /// A list of hex strings.
    pub fn byte_list(&self, name: &str) -> Vec<Vec<u8>> {
        self.texts(name).iter().map(|text| hex_bytes(text)).collect()
    }

    /// A list of numbers.
    pub fn numbers(&self, name: &str) -> Vec<u64> {
        self.any_list(name).iter().map(|v| as_number(v).expect("a list of numbers")).collect()
    }

    /// All remaining fields.
    pub fn entries(&self) -> Vec<(String, Value)> {
        core::mem::take(&mut *self.fields.borrow_mut()).into_iter().collect()
    }
}

impl Drop for Case {
    fn drop(&mut self) {
        let unread: Vec<_> = self.fields.borrow().keys().cloned().collect();
        if !unread.is_empty() && !std::thread::panicking() {
            panic!("{} has fields that no test reads: {unread:?}", self.path);
        }
    }
}

fn to_cases(path: &str, name: &str, list: Vec<Value>) -> Vec<Case> {
    list.into_iter().enumerate().map(|(i, value)| Case::new(&format!("{path}.{name}[{i}]"), value)).collect()
}

fn as_number(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

/// Bytes in hex, with or without `0x`.
pub fn hex_bytes(text: &str) -> Vec<u8> {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    hex::decode(digits).unwrap_or_else(|error| panic!("{text} is not hex: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_once_and_counted() {
        let file = Case::open(r#"{"a": "0x01ff", "list": [{"n": "7"}], "note": "prose"}"#);
        assert_eq!(file.bytes("a"), [1, 255]);
        assert_eq!(file.cases("list", 1).pop().map(|case| case.number("n")), Some(7));
        file.skip(&["note"]);
    }

    #[test]
    #[should_panic(expected = "fields that no test reads")]
    fn an_unread_field_fails_the_test() {
        Case::open(r#"{"unknown": 1}"#);
    }
}
