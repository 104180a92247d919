//! Hosts with their ports, and colons between hexadecimal digits.

use super::class::{COLON, DIGIT, HEX_LETTER, LETTER, SLASH, class};
use super::kind::ParameterKind;

/// The kind of a token that its colons do not split: an address with a port, or colons between hexadecimal digits. `classes`
/// are those of its bytes, and perhaps of some behind it.
pub(super) fn kind_with_colons(token: &[u8], classes: u16) -> Option<ParameterKind> {
    // `fe80::1`, `00:1a:2b:3c:4d:5e`, `08:01:24`
    if classes & (LETTER | SLASH) == 0
        && let Some(kind) = kind_of_colon_hexadecimal(token)
    {
        return Some(kind);
    }
    // `db-2.example.com:5432`
    let digits = token.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let (host, port) = token.split_at_checked(token.len() - digits)?;
    let host = host.strip_suffix(b":").filter(|_| !port.is_empty())?;
    // A host without letters, hyphens and underscores consists of digits and points.
    let is_address = classes & (HEX_LETTER | LETTER) == 0 && !host.iter().any(|byte| matches!(byte, b'-' | b'_'));
    is_dotted_host(host).then_some(if is_address { ParameterKind::Ip } else { ParameterKind::Word })
}

/// Two colons at least, and between them nothing but hexadecimal digits.
fn kind_of_colon_hexadecimal(token: &[u8]) -> Option<ParameterKind> {
    let (mut colons, mut classes) = (0, 0);
    for byte in token {
        let class = class(*byte);
        if class & !(DIGIT | HEX_LETTER | COLON) != 0 {
            return None;
        }
        colons += u32::from(class == COLON);
        classes |= class;
    }
    let is_hexadecimal = classes & DIGIT != 0;
    match colons {
        2 if is_hexadecimal && classes & HEX_LETTER == 0 && !token.starts_with(b":") => Some(ParameterKind::Time),
        5 if is_hexadecimal && token.len() == 17 => Some(ParameterKind::Mac),
        2.. if is_hexadecimal => Some(ParameterKind::Ip),
        _ => None,
    }
}

/// Whether a text is the name of a host, of two labels at least.
pub(super) fn is_dotted_host(text: &[u8]) -> bool {
    let (mut before, mut has_point) = (b'.', false);
    for &byte in text {
        let is_of_label = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if !is_of_label && (byte != b'.' || before == b'.') {
            return false;
        }
        has_point |= byte == b'.';
        before = byte;
    }
    has_point && before != b'.'
}
