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
    if !token.last().is_some_and(u8::is_ascii_digit) {
        return None;
    }
    let digits = token.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let (host, _) = token.split_at_checked(token.len() - digits)?;
    let marks = Marks::of_dotted_host(host.strip_suffix(b":")?)?;
    // A host without letters, hyphens and underscores consists of digits and points.
    let is_address = classes & (HEX_LETTER | LETTER) == 0 && !marks.has_joint;
    Some(if is_address { ParameterKind::Ip } else { ParameterKind::Word })
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
    Marks::of_dotted_host(text).is_some()
}

/// What stands between the letters and digits of a host.
struct Marks {
    /// Whether hyphens and underscores are among it.
    has_joint: bool,
}

/// Of the bytes of a host: what ends a label, what joins its parts, and what is of no host.
const POINT: u8 = 1;
const JOINT: u8 = 1 << 1;
const STRANGE: u8 = 1 << 2;

impl Marks {
    /// The marks of a host of two labels at least, of which none is empty; `None` for what is no such host. All bytes are looked at in the
    /// same way, so that no branch depends on them.
    fn of_dotted_host(text: &[u8]) -> Option<Self> {
        let (mut all, mut before) = (0, POINT);
        for byte in text {
            let mark = HOST_MARKS.get(usize::from(*byte)).copied().unwrap_or(STRANGE);
            // Two points, of which the second is shifted to what is strange.
            all |= mark | (mark & before & POINT) << 2;
            before = mark;
        }
        let is_host = all & (POINT | STRANGE) == POINT && before != POINT;
        is_host.then_some(Self { has_joint: all & JOINT != 0 })
    }
}

const HOST_MARKS: [u8; 256] = {
    let mut marks = [STRANGE; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        #[expect(clippy::indexing_slicing, reason = "256 entries, and checked when compiled")]
        {
            marks[byte as usize] = match byte {
                b'.' => POINT,
                b'-' | b'_' => JOINT,
                _ if byte.is_ascii_alphanumeric() => 0,
                _ => STRANGE,
            };
        }
        byte += 1;
    }
    marks
};
