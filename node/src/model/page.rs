//! Long lists, page by page.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Part of a list.
///
/// Pages are cut by what an item is, not by how many came before it: what is added or removed between
/// two pages is given or not, and everything else exactly once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Page<T> {
    /// The items, in the order of the list.
    pub items: Vec<T>,
    /// Give this as `cursor` to get the next page; absent on the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub next: Option<String>,
}
