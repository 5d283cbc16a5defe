//! Cuts lists into pages.

use data_encoding::BASE64URL_NOPAD;
use serde::{Serialize, de::DeserializeOwned};

use super::MAX_PAGE;
use crate::{Error, model::Page};

/// Items in a page when nothing is said.
const DEFAULT_PAGE: usize = 100;

/// At most this many characters in a cursor; the longest, of two peer names, has fewer.
const MAX_CURSOR_CHARS: usize = 2_048;

/// Which page of a list is wanted.
#[derive(Debug)]
pub(super) struct Paging<K> {
    list: &'static str,
    pub(super) limit: usize,
    /// The key of the last item of the page before.
    pub(super) after: Option<K>,
}

impl<K: Serialize + DeserializeOwned> Paging<K> {
    /// Reads what was asked of the list of this name, whose items are told apart and ordered by `K`.
    pub(super) fn new(
        list: &'static str,
        limit: Option<usize>,
        cursor: Option<&str>,
    ) -> Result<Self, Error> {
        let limit = limit.unwrap_or(DEFAULT_PAGE);
        if !(1..=MAX_PAGE).contains(&limit) {
            return Err(Error::invalid("limit", format!("is 1 to {MAX_PAGE}")));
        }
        let after = cursor.map(|cursor| read(list, cursor)).transpose()?;
        Ok(Self { list, limit, after })
    }

    /// The page, of items that come in order and begin after the cursor; at most one more than the page
    /// may have, which tells that there is another page.
    pub(super) fn page<T>(
        &self,
        items: impl IntoIterator<Item = T>,
        key: impl Fn(&T) -> K,
    ) -> Result<Page<T>, Error> {
        let mut items: Vec<_> = items.into_iter().take(self.limit + 1).collect();
        let more = items.len() > self.limit;
        items.truncate(self.limit);
        let last = items.last().filter(|_| more);
        let next = last.map(|last| self.cursor(&key(last))).transpose()?;
        Ok(Page { items, next })
    }

    fn cursor(&self, key: &K) -> Result<String, Error> {
        let text = serde_json::to_vec(&(self.list, key))
            .map_err(|error| Error::Internal(error.to_string()))?;
        Ok(BASE64URL_NOPAD.encode(&text))
    }
}

impl<K: Serialize + DeserializeOwned + Ord> Paging<K> {
    /// The page of a list that is there as a whole, in any order.
    pub(super) fn cut<T>(
        &self,
        mut items: Vec<T>,
        key: impl Fn(&T) -> K,
    ) -> Result<Page<T>, Error> {
        items.sort_by_cached_key(&key);
        let start = match &self.after {
            Some(after) => items.partition_point(|item| key(item) <= *after),
            None => 0,
        };
        self.page(items.into_iter().skip(start), key)
    }
}

fn read<K: DeserializeOwned>(list: &'static str, cursor: &str) -> Result<K, Error> {
    let bytes = (cursor.len() <= MAX_CURSOR_CHARS)
        .then(|| BASE64URL_NOPAD.decode(cursor.as_bytes()).ok())
        .flatten();
    match bytes.map(|bytes| serde_json::from_slice::<(String, K)>(&bytes)) {
        Some(Ok((of, key))) if of == list => Ok(key),
        _ => Err(Error::InvalidCursor { list }),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn page(items: &BTreeSet<u16>, limit: usize, cursor: Option<&str>) -> Page<u16> {
        let paging = Paging::<u16>::new("numbers", Some(limit), cursor).unwrap();
        // As lists come: in an order that nobody promises.
        paging
            .cut(items.iter().rev().copied().collect(), |item| *item)
            .unwrap()
    }

    proptest! {
        /// What is there throughout is given once, whatever comes and goes meanwhile.
        #[test]
        fn pages_are_stable_while_the_list_changes(
            stay in prop::collection::btree_set(any::<u16>(), 0..60),
            come in prop::collection::vec(any::<u16>(), 0..60),
            limit in 1_usize..9,
        ) {
            let mut items = stay.clone();
            let mut come = come.into_iter();
            let (mut seen, mut cursor) = (Vec::new(), None::<String>);
            loop {
                let page = page(&items, limit, cursor.as_deref());
                prop_assert!(page.items.len() <= limit);
                seen.extend(page.items);
                let Some(next) = page.next else { break };
                cursor = Some(next);
                // Something comes, something that came before goes.
                if let Some(new) = come.next()
                    && !items.insert(new)
                    && !stay.contains(&new)
                {
                    items.remove(&new);
                }
            }
            prop_assert!(seen.is_sorted_by(|one, other| one < other), "{seen:?}");
            let seen: BTreeSet<_> = seen.into_iter().collect();
            prop_assert!(seen.is_superset(&stay));
        }

        #[test]
        fn any_cursor_is_read_or_refused(cursor in ".{0,100}") {
            if let Err(error) = Paging::<(String, String)>::new("groups", None, Some(&cursor)) {
                prop_assert_eq!(error.code(), "invalid_cursor");
            }
        }
    }

    #[test]
    fn a_cursor_is_good_for_its_own_list_alone() {
        let items: BTreeSet<u16> = (0..9).collect();
        let next = page(&items, 4, None).next.unwrap();
        assert_eq!(page(&items, 4, Some(&next)).items, [4, 5, 6, 7]);
        let other = Paging::<u16>::new("letters", None, Some(&next));
        assert_eq!(other.unwrap_err().code(), "invalid_cursor");
        assert_eq!(
            Paging::<u16>::new("x", Some(0), None).unwrap_err().code(),
            "invalid_input"
        );
        assert_eq!(page(&items, 9, None).next, None, "the last page says so");
    }
}
