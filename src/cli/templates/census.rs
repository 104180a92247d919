//! The count of the templates in files.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Serialize;

use crate::decode::{Decoder, Format};
use crate::publish::redact;
use crate::record::{NotALine, Offset, Record, Second, TemplateId};
use crate::score::{Counts, Unsuitable};
use crate::template::{Masks, Merges, ParameterKind, Shown, Skeletoniser, common_text};

/// How many templates are kept; beyond them the rarest go, those first that were not seen for the longest time.
const TEMPLATES_MAX: usize = 20_000;
/// What is shown of an example, in bytes.
const EXAMPLE_BYTES_MAX: usize = 512;

/// A template as its lines wrote it, before it was merged into another one.
struct Member {
    lines: u64,
    first_line: u64,
    last_line: u64,
    skeleton: Box<str>,
    shown: Shown,
}

/// A template of the catalogue.
#[derive(Serialize)]
pub(super) struct Entry {
    pub(super) id: String,
    pub(super) template: String,
    pub(super) lines: u64,
    /// Kinds of the parameters of the example.
    pub(super) parameters: Vec<ParameterKind>,
    /// A line of it, redacted; empty where redaction fails.
    pub(super) example: String,
    /// Templates that were merged into it.
    pub(super) aliases: Vec<String>,
}

/// Counts templates, in the order of the lines.
pub(super) struct Census {
    decoder: Decoder,
    skeletoniser: Skeletoniser,
    masks: Masks,
    merges: Merges,
    members: BTreeMap<TemplateId, Member>,
    /// Skeletons that came of merging.
    merged_texts: BTreeMap<TemplateId, Box<str>>,
    lines: u64,
    continuations: u64,
    others: u64,
    forgotten: u64,
}

/// What a line is.
enum Taken<'a> {
    Blank,
    Rejected(&'static str),
    Line { message: &'a str, is_continuation: bool },
}

fn take<'a>(decoder: &'a mut Decoder, line: &'a [u8]) -> Taken<'a> {
    match decoder.decode(&Record { offset: Offset(0), timestamp: None, value: Some(line) }) {
        Ok(line) => Taken::Line { message: line.message, is_continuation: line.is_continuation },
        Err(NotALine::Empty) => Taken::Blank,
        Err(NotALine::Reject(reject)) => Taken::Rejected(reject.code()),
    }
}

impl Census {
    pub(super) fn new(masks: Masks) -> Self {
        Self {
            decoder: Decoder::new(Format::Auto),
            skeletoniser: Skeletoniser::with_masks(masks.clone()),
            masks,
            merges: Merges::default(),
            members: BTreeMap::new(),
            merged_texts: BTreeMap::new(),
            lines: 0,
            continuations: 0,
            others: 0,
            forgotten: 0,
        }
    }

    pub(super) fn meet(&mut self, line: &[u8]) {
        self.lines += 1;
        let (message, skeleton) = match take(&mut self.decoder, line) {
            Taken::Line { message, is_continuation: false } => (message, self.skeletoniser.skeletonise(message)),
            Taken::Line { .. } => return self.continuations += 1,
            _ => return self.others += 1,
        };
        let now = Second(i64::try_from(self.lines).unwrap_or(i64::MAX));
        if let Some(member) = self.members.get_mut(&skeleton.id) {
            member.lines += 1;
            member.last_line = self.lines;
            member.shown.meet(message, &skeleton);
            self.merges.count(skeleton.id, 1, now);
            return;
        }
        let shown = Shown::new(message, &skeleton);
        let member =
            Member { lines: 1, first_line: self.lines, last_line: self.lines, skeleton: skeleton.text().into(), shown };
        self.members.insert(skeleton.id, member);
        self.merges.count(skeleton.id, 1, now);
        for merge in self.merges.meet(skeleton.id, skeleton.text(), 1, now, &self.masks) {
            self.merged_texts.insert(merge.into, merge.text.as_ref().into());
        }
        if self.members.len() > TEMPLATES_MAX {
            self.forget();
        }
    }

    /// Forgets a tenth of the templates. O(n log n).
    fn forget(&mut self) {
        let mut by_value: Vec<(u64, u64, TemplateId)> =
            self.members.iter().map(|(&id, member)| (member.lines, member.last_line, id)).collect();
        by_value.sort_unstable();
        for (_, _, id) in by_value.into_iter().take(TEMPLATES_MAX / 10) {
            self.members.remove(&id);
            self.forgotten += 1;
        }
        let roots: std::collections::BTreeSet<TemplateId> =
            self.members.keys().map(|&id| self.merges.resolve(id)).collect();
        self.merges.retain(|id| roots.contains(&id));
        self.merged_texts.retain(|id, _| roots.contains(id));
    }

    /// The members of each template.
    fn families(&self) -> BTreeMap<TemplateId, Vec<TemplateId>> {
        let mut families: BTreeMap<TemplateId, Vec<TemplateId>> = BTreeMap::new();
        for &id in self.members.keys() {
            families.entry(self.merges.resolve(id)).or_default().push(id);
        }
        families
    }

    /// The text to show for each template.
    pub(super) fn shown(&self) -> BTreeMap<TemplateId, String> {
        self.families().into_iter().map(|(root, family)| (root, self.text(root, &family))).collect()
    }

    fn text(&self, root: TemplateId, family: &[TemplateId]) -> String {
        let texts = family.iter().map(|id| self.members.get(id).and_then(|member| member.shown.text(&self.masks)));
        let common = texts.reduce(|common, text| common_text(&common?, &text?));
        common.flatten().unwrap_or_else(|| self.skeleton(root, family))
    }

    fn skeleton(&self, root: TemplateId, family: &[TemplateId]) -> String {
        let merged = self.merged_texts.get(&root).map(AsRef::as_ref);
        let own = family.first().and_then(|id| self.members.get(id)).map(|member| member.skeleton.as_ref());
        merged.or(own).unwrap_or_default().to_owned()
    }

    /// All templates, the most frequent first.
    pub(super) fn entries(&self) -> Vec<Entry> {
        let mut entries: Vec<Entry> =
            self.families().into_iter().map(|(root, family)| self.entry(root, &family)).collect();
        entries.sort_by(|a, b| b.lines.cmp(&a.lines).then_with(|| a.template.cmp(&b.template)));
        entries
    }

    fn entry(&self, root: TemplateId, family: &[TemplateId]) -> Entry {
        let members = || family.iter().filter_map(|id| self.members.get(id));
        let shown = members().next().map(|member| &member.shown);
        let example = shown.map_or("", Shown::example);
        let example = example.get(..example.floor_char_boundary(EXAMPLE_BYTES_MAX)).unwrap_or(example);
        let example = redact(example).map_or(Cow::Borrowed(""), |(text, _)| text).into_owned();
        let template = self.text(root, family);
        let template = redact(&template).map_or(Cow::Borrowed(""), |(text, _)| text).into_owned();
        Entry {
            id: root.to_string(),
            template,
            lines: members().map(|member| member.lines).sum(),
            parameters: shown.map(|shown| shown.kinds().collect()).unwrap_or_default(),
            example,
            aliases: family.iter().filter(|id| **id != root).map(ToString::to_string).collect(),
        }
    }

    /// Id and text of the template of a line, aliases resolved. A line without text has neither; one that continues
    /// another, or whose template was forgotten, has its own skeleton.
    pub(super) fn assign<'a>(
        &'a mut self,
        line: &[u8],
        shown: &'a BTreeMap<TemplateId, String>,
    ) -> (String, Cow<'a, str>) {
        match take(&mut self.decoder, line) {
            Taken::Blank => (String::new(), Cow::Borrowed("")),
            Taken::Rejected(reason) => (reason.to_owned(), Cow::Borrowed("")),
            Taken::Line { message, is_continuation } => {
                let skeleton = self.skeletoniser.skeletonise(message);
                let root = if is_continuation { skeleton.id } else { self.merges.resolve(skeleton.id) };
                let text = shown.get(&root).map(String::as_str).filter(|_| !is_continuation);
                (root.to_string(), Cow::Borrowed(text.unwrap_or(skeleton.text())))
            }
        }
    }

    /// Why the templates say little, if they do. What is new first came in the last tenth of the lines, what is dead came once, in
    /// the first half. O(templates).
    pub(super) fn unsuitable(&self) -> Option<Unsuitable> {
        let families = self.families();
        let mut counts = Counts {
            lines: self.lines - self.continuations - self.others,
            first_sights: families.len() as u64 + self.forgotten,
            templates: families.len() as u64,
            ..Counts::default()
        };
        for family in families.values() {
            let members = || family.iter().filter_map(|id| self.members.get(id));
            let is_rare = members().map(|member| member.lines).sum::<u64>() <= 1;
            counts.rare += u64::from(is_rare);
            counts.dead += u64::from(is_rare && members().all(|member| member.last_line * 2 < self.lines));
            counts.new += u64::from(members().all(|member| member.first_line * 10 > self.lines * 9));
        }
        counts.verdict()
    }

    /// What was read, in a sentence.
    pub(super) fn summary(&self, templates: usize) -> String {
        let Self { lines, continuations, others, forgotten, .. } = self;
        let mut text = format!("{lines} lines in {templates} templates; {continuations} continue the line before");
        for (count, what) in [(others, "empty or no text"), (forgotten, "rare templates forgotten")] {
            if *count > 0 {
                text.push_str(&format!("; {count} {what}"));
            }
        }
        text
    }
}
