//! What is kept of each template, and the templates of a second: both sorted, and so they can be gone through side by side.

use std::collections::BTreeMap;

use crate::record::TemplateId;
use crate::vectorise::Walk;

/// Up to so many that are kept for each one of the second it is less to go through all than to search each.
const KEPT_PER_SOUGHT: usize = 8;

/// Whether it is less to go through all that are kept than to search each.
pub(super) fn is_dense(kept: usize, sought: usize) -> bool {
    kept <= sought * KEPT_PER_SOUGHT
}

/// Lets `take` see each of the second's templates with what is kept of it; of one that was not known, with what `new` makes. There
/// are at most `count` of them, and their ids rise. They are not seen in that order: those that are new come last.
pub(super) fn for_each_template<T: Copy, V>(
    kept: &mut BTreeMap<TemplateId, V>,
    count: usize,
    sought: impl Iterator<Item = (TemplateId, T)>,
    new: impl Fn(T) -> V,
    mut take: impl FnMut(T, &mut V),
) {
    if !is_dense(kept.len(), count) {
        sought.for_each(|(id, item)| take(item, kept.entry(id).or_insert_with(|| new(item))));
        return;
    }
    let mut walk = Walk::along(kept.iter_mut());
    let mut news = Vec::new();
    for (id, item) in sought {
        match walk.find(&id) {
            Some(value) => take(item, value),
            None => news.push((id, item)),
        }
    }
    for (id, item) in news {
        take(item, kept.entry(id).or_insert_with(|| new(item)));
    }
}
