//! Templates as tables, JSON lines and CSV (RFC 4180).

use std::io::Write;

use super::Output;
use super::census::Entry;

/// What a terminal shows of a template, in characters.
pub(super) const TABLE_TEXT_CHARS: usize = 120;

pub(super) fn table(entries: &[Entry], width: Option<usize>, out: &mut impl Write) -> anyhow::Result<()> {
    writeln!(out, "{:>10}  {:<17}  TEMPLATE", "LINES", "ID")?;
    for entry in entries {
        let text: String = entry.template.chars().take(width.unwrap_or(usize::MAX)).collect();
        let merged = if entry.aliases.is_empty() { String::new() } else { format!("  (of {})", entry.aliases.len()) };
        writeln!(out, "{:>10}  {}  {text}{merged}", entry.lines, entry.id)?;
    }
    Ok(())
}

pub(super) fn json(entries: &[Entry], out: &mut impl Write) -> anyhow::Result<()> {
    for entry in entries {
        serde_json::to_writer(&mut *out, entry)?;
        out.write_all(b"\n")?;
    }
    Ok(())
}

pub(super) fn csv(entries: &[Entry], out: &mut impl Write) -> anyhow::Result<()> {
    writeln!(out, "EventId,EventTemplate,Occurrences,Parameters,Example,Aliases")?;
    for entry in entries {
        let kinds: Vec<String> = entry.parameters.iter().map(|kind| format!("{kind:?}").to_ascii_lowercase()).collect();
        let (template, example) = (quoted(&entry.template), quoted(&entry.example));
        let (kinds, aliases) = (kinds.join(" "), entry.aliases.join(" "));
        writeln!(out, "{},{template},{},{kinds},{example},{aliases}", entry.id, entry.lines)?;
    }
    Ok(())
}

/// What stands before the rows of lines.
pub(super) fn begin_rows(output: Output, out: &mut impl Write) -> anyhow::Result<()> {
    if output == Output::Csv {
        writeln!(out, "LineId,EventId,EventTemplate")?;
    }
    Ok(())
}

/// The row of a line, counted from 1.
pub(super) fn row(output: Output, number: u64, id: &str, text: &str, out: &mut impl Write) -> anyhow::Result<()> {
    match output {
        Output::Table => writeln!(out, "{number:>10}  {id:<17}  {text}")?,
        Output::Json => writeln!(out, "{}", serde_json::json!({"line": number, "id": id, "template": text}))?,
        Output::Csv => writeln!(out, "{number},{id},{}", quoted(text))?,
    }
    Ok(())
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}
