//! The RLP dialect: `ledger/rlp.json`, and the interpreter of Go values for `chain/go_tests.json`.

use serde_json::Value;
use thetab_types::{
    Amount, Decode, DecodeError, Encode,
    rlp::{Item, Reader, put_list, put_string},
};
use thetab_vectors::{Case, hex_bytes};

use crate::vectors;

/// Any RLP item, read whole.
#[derive(Debug, PartialEq)]
enum Tree {
    String(Vec<u8>),
    List(Vec<Tree>),
}

impl Decode for Tree {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Tree, DecodeError> {
        Ok(match reader.item()? {
            Item::String(bytes) => Tree::String(bytes.to_vec()),
            Item::List(payload) => {
                let mut list = Reader::new(payload);
                let mut items = Vec::new();
                while !list.is_empty() {
                    items.push(Tree::decode_from(&mut list)?);
                }
                Tree::List(items)
            }
        })
    }
}

impl Encode for Tree {
    fn encode_to(&self, out: &mut Vec<u8>) {
        match self {
            Tree::String(bytes) => put_string(bytes, out),
            Tree::List(items) => items.encode_to(out),
        }
    }
}

/// Go's `simplestruct{A uint; B string}`, `recstruct{I uint; Child *recstruct}`, the tails, and fixed arrays of integers.
fn read_struct(kind: &str, input: &[u8]) -> Result<Vec<u8>, DecodeError> {
    let mut reader = Reader::new(input);
    let out = read_go(kind, &mut reader)?;
    if reader.is_empty() { Ok(out) } else { Err(DecodeError::Trailing(reader.rest().len())) }
}

fn read_go(kind: &str, reader: &mut Reader<'_>) -> Result<Vec<u8>, DecodeError> {
    let mut list = reader.list()?;
    let mut out = Vec::new();
    let mut inside = Vec::new();
    match kind {
        "simplestruct" => {
            list.field::<u64>()?.encode_to(&mut inside);
            list.field::<bytes::Bytes>()?.encode_to(&mut inside);
            list.end()?;
        }
        "recstruct" => {
            list.field::<u64>()?.encode_to(&mut inside);
            let child = list.raw().or(Err(DecodeError::TooFew))?;
            inside.extend(if child == [0xc0] { vec![0xc0] } else { read_struct("recstruct", child)? });
            list.end()?;
        }
        "hasIgnoredField" => {
            list.field::<u64>()?.encode_to(&mut inside);
            list.field::<u64>()?.encode_to(&mut inside);
            list.end()?;
        }
        "tailUint" | "tailRaw" => {
            list.field::<u64>()?.encode_to(&mut inside);
            while !list.is_empty() {
                match kind {
                    "tailUint" => list.field::<u64>()?.encode_to(&mut inside),
                    _ => inside.extend(list.raw()?),
                }
            }
        }
        "[]*simplestruct" => {
            while !list.is_empty() {
                inside.extend(read_go("simplestruct", &mut list)?);
            }
        }
        "[]RawValue" => {
            while !list.is_empty() {
                inside.extend(list.raw()?);
            }
        }
        array => {
            let count: usize = array.strip_prefix('[').unwrap().split(']').next().unwrap().parse().unwrap();
            for _ in 0..count {
                list.field::<u64>()?.encode_to(&mut inside);
            }
            list.end()?;
        }
    }
    put_list(&mut out, |out| out.extend(inside));
    Ok(out)
}

/// Decodes as a Go type and encodes what was read; `None` for what only Go has.
fn decode_as(go_type: &str, input: &[u8]) -> Option<Result<Vec<u8>, DecodeError>> {
    fn through<T: Decode + Encode>(input: &[u8]) -> Option<Result<Vec<u8>, DecodeError>> {
        Some(T::decode(input).map(|value| value.encode()))
    }
    match go_type.trim_start_matches('*') {
        "bool" => through::<bool>(input),
        "uint32" => through::<u32>(input),
        "uint" => through::<u64>(input),
        "big.Int" => through::<Amount>(input),
        "string" | "[]byte" => through::<bytes::Bytes>(input),
        "[]uint" | "[]*uint" => through::<Vec<u64>>(input),
        "[][]byte" => through::<Vec<bytes::Bytes>>(input),
        "[0]byte" => through::<[u8; 0]>(input),
        "[1]byte" => through::<[u8; 1]>(input),
        "[5]byte" => through::<[u8; 5]>(input),
        "interface{}" => through::<Tree>(input),
        "RawValue" => Some(Reader::new(input).raw().map(<[u8]>::to_vec)),
        "invalidTail1" | "invalidTail2" | "[]io.Reader" => None,
        kind => Some(read_struct(kind, input)),
    }
}

fn assert_error(result: Result<Vec<u8>, DecodeError>, message: &str, case: &str) {
    let error = result.expect_err(case);
    let expected = match message {
        m if m.contains("non-canonical size") => DecodeError::Size,
        m if m.contains("leading zero") => DecodeError::LeadingZero,
        m if m.contains("too few elements") => DecodeError::TooFew,
        m if m.contains("too many elements") => DecodeError::TooMany,
        m if m.contains("expected input list") => DecodeError::ExpectedList,
        m if m.contains("expected input string") => DecodeError::ExpectedString,
        m if m.contains("invalid boolean") => DecodeError::Bool,
        m if m.contains("element is larger") => DecodeError::Truncated,
        m if m.contains("]uint8") => {
            assert!(matches!(error, DecodeError::Length { .. } | DecodeError::Size), "{case}: {error:?}");
            return;
        }
        m if m.contains("too long for uint") => DecodeError::Overflow,
        other => panic!("{case}: no such error: {other}"),
    };
    assert_eq!(error, expected, "{case}");
}

/// Go cannot give 3 bytes of one array for `02` (a byte that stands for itself), so that its size is an array's.
pub(crate) fn go_decode_cases(cases: Vec<Case>) {
    let mut foreign = 0;
    for case in cases {
        let input = case.bytes("input");
        let into = case.text("into");
        let go_type = into.strip_prefix("new(").unwrap().strip_suffix(')').unwrap();
        let result = decode_as(go_type, &input);
        let label = format!("{} into {go_type}", hex::encode(&input));
        match (result, case.optional("error"), case.optional("value")) {
            (None, Some(_), None) => foreign += 1,
            (Some(result), Some(error), None) => assert_error(result, error.as_str().unwrap(), &label),
            (Some(result), None, Some(_)) => assert_eq!(result.expect(&label), input, "{label}"),
            other => panic!("{label}: {other:?}"),
        }
    }
    assert_eq!(foreign, 3, "cases that only Go has");
}

pub(crate) fn go_encode_cases(cases: Vec<Case>) {
    let mut typed = 0;
    for case in cases {
        let go_value = case.text("go_value");
        if let Some(error) = case.optional("error") {
            assert!(error.is_string(), "{go_value}: what cannot be encoded has no type here");
            continue;
        }
        let output = case.bytes("output");
        if let Some(encoded) = encode_go(&go_value) {
            assert_eq!(encoded, output, "{go_value}");
            typed += 1;
        } else if go_value.contains("testEncoder") {
            assert!(!output.is_empty(), "a type with an encoder of its own");
        } else {
            let raw_values = go_value.starts_with("RawValue");
            let tree = Tree::decode(&output).unwrap_or_else(|error| panic!("{go_value}: {error}"));
            assert!(raw_values || tree.encode() == output, "{go_value}");
        }
    }
    assert_eq!(typed, 47, "cases that are encoded from their value");
}

fn encode_go(go_value: &str) -> Option<Vec<u8>> {
    let inside = |open: &str, close: &str| go_value.strip_prefix(open)?.strip_suffix(close);
    if let "true" | "false" = go_value {
        return Some((go_value == "true").encode());
    }
    for open in ["uint32(", "uint64(", "big.NewInt(", "*big.NewInt("] {
        if let Some(number) = inside(open, ")").and_then(go_number) {
            return Some(number.encode());
        }
    }
    if let Some(digits) = inside("big.NewInt(0).SetBytes(unhex(\"", "\"))") {
        return Some(Amount::from_be_slice(&hex_bytes(digits)).encode());
    }
    if let Some(text) = inside("\"", "\"") {
        let text = match text.strip_prefix("\\x") {
            Some(digits) => hex_bytes(digits),
            None => text.as_bytes().to_vec(),
        };
        return Some(bytes::Bytes::from(text).encode());
    }
    for open in ["[]byte{", "[]namedByteType{", "[...]namedByteType{"] {
        if let Some(items) = inside(open, "}") {
            let items: Option<Vec<u8>> =
                split(items).map(|n| Some(go_number(n)?.to_be_vec().pop().unwrap_or(0))).collect();
            return Some(bytes::Bytes::from(items?).encode());
        }
    }
    if let Some(items) = inside("[]uint{", "}") {
        return Some(split(items).map(|n| go_number(n).unwrap()).collect::<Vec<_>>().encode());
    }
    if let Some(items) = inside("[]string{", "}") {
        return Some(split(items).map(|t| t.trim_matches('"').to_string()).collect::<Vec<_>>().encode());
    }
    None
}

fn split(items: &str) -> impl Iterator<Item = &str> {
    items.split(", ").filter(|item| !item.is_empty())
}

fn go_number(text: &str) -> Option<Amount> {
    match text.strip_prefix("0x") {
        Some(digits) => {
            let even = if digits.len() % 2 == 1 { format!("0{digits}") } else { digits.to_string() };
            Some(Amount::from_be_slice(&hex_bytes(&even)))
        }
        None => Amount::from_decimal(text),
    }
}

fn tree_of(value: &Value) -> Tree {
    match value {
        Value::Array(items) => Tree::List(items.iter().map(tree_of).collect()),
        Value::Number(number) => Tree::String(Amount::from(number.as_u64().unwrap()).to_be_vec()),
        Value::String(text) => Tree::String(text.as_bytes().to_vec()),
        other => panic!("{other}"),
    }
}

#[test]
fn the_dialect_encodes_and_refuses_as_theta_does() {
    let file = vectors!("ledger/rlp.json");
    file.skip(&["description"]);
    for case in file.cases("encode", 34) {
        let rlp = case.bytes("rlp");
        let encoded = if case.has("uint") {
            Amount::from_decimal(&case.text("uint")).unwrap().encode()
        } else if case.has("string") {
            case.text("string").encode()
        } else {
            tree_of(&case.value("list")).encode()
        };
        assert_eq!(encoded, rlp);
        assert_eq!(Tree::decode(&rlp).unwrap().encode(), rlp);
    }
    for case in file.cases("typed_decode_errors", 31) {
        let (input, go_type) = (case.bytes("input"), case.text("go_type"));
        assert_error(decode_as(&go_type, &input).unwrap(), &case.text("error"), &go_type);
    }
    for case in file.cases("split_errors", 12) {
        case.skip(&["reason"]);
        Tree::decode(&case.bytes("input")).unwrap_err();
    }
}
