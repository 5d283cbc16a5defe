//! The tables of the database, one column family each, as key → value.
//!
//! All numbers are big-endian, so that the order of keys is the order of what they mean. `slot` is a
//! replica's number in this database (4 bytes), given once and never again. `docs/formats/store.md` is
//! the same in prose.
//!
//! | column family | key | value |
//! |---|---|---|
//! | `records` | slot 4, record id 16 | the envelope, exactly as signed |
//! | `by_hash` | slot 4, envelope hash 32 | record id 16 |
//! | `summary` | slot 4, partition 1 (0 membership, 1 application), modified 8, envelope hash 32 | empty |
//! | `by_type` | slot 4, record type 16, record id 16 (no tombstones) | expires 8 |
//! | `expiry` | slot 4, expires 8, record id 16 | empty |
//! | `changes` | slot 4, sequence 8 | kind 1, origin 1, record id 16, record type 16, envelope hash 32, at 8 |
//! | `replicas` | replica id 16 | slot 4 |
//! | `notes` | up to the caller | up to the caller |
//! | `meta` | `format` | format version 4 |
//! | `meta` | `next_slot` | the next slot to give 4 |
//! | `meta` | `epoch/`, slot 4 | the number from which changes go on when the log is empty 8; absent is 0 |
//!
//! The records are the truth; `by_hash`, `summary`, `by_type` and `expiry` follow from them, and every
//! change of a record changes all of them in the same write batch.

use rocksdb::{
    BlockBasedOptions, Cache, ColumnFamilyDescriptor, DBCompressionType, DBRecoveryMode, LogLevel,
    Options,
};

use super::RocksOptions;

pub(super) const RECORDS: &str = "records";
pub(super) const BY_HASH: &str = "by_hash";
pub(super) const SUMMARY: &str = "summary";
pub(super) const BY_TYPE: &str = "by_type";
pub(super) const EXPIRY: &str = "expiry";
pub(super) const CHANGES: &str = "changes";
pub(super) const REPLICAS: &str = "replicas";
pub(super) const NOTES: &str = "notes";
pub(super) const META: &str = "meta";

/// The tables whose keys begin with a slot.
pub(super) const OF_REPLICAS: [&str; 6] = [RECORDS, BY_HASH, SUMMARY, BY_TYPE, EXPIRY, CHANGES];

const ALL: [&str; 9] = [
    RECORDS, BY_HASH, SUMMARY, BY_TYPE, EXPIRY, CHANGES, REPLICAS, NOTES, META,
];

/// Memory is taken from the system in pieces of this size; small, because an idle node should be.
const ARENA_BLOCK_BYTES: usize = 128 * 1024;

/// 10 bits a key: one lookup in a hundred reads a block in vain.
const BLOOM_BITS_PER_KEY: f64 = 10.0;

/// The share of a write buffer that a filter over its keys may take.
const MEMTABLE_BLOOM_RATIO: f64 = 0.005;

/// Files kept open; a node has few, and a process may have many nodes.
const MAX_OPEN_FILES: i32 = 128;

/// Options of the database as a whole.
pub(super) fn database_options(options: &RocksOptions) -> Options {
    let mut database = Options::default();
    database.create_if_missing(true);
    database.create_missing_column_families(true);
    database.set_db_write_buffer_size(options.write_buffer_bytes);
    database.set_max_total_wal_size(options.write_buffer_bytes as u64 * 2);
    database.set_max_background_jobs(options.background_jobs.max(1).into());
    database.set_max_open_files(MAX_OPEN_FILES);
    // A torn tail is what a crash leaves behind, and nothing in it was acknowledged. Damage before the
    // tail must be an error: silently stopping there would lose records that were.
    database.set_wal_recovery_mode(DBRecoveryMode::TolerateCorruptedTailRecords);
    database.set_log_level(LogLevel::Warn);
    database.set_keep_log_file_num(2);
    database.set_stats_dump_period_sec(0);
    database
}

/// Every table with its options. `present` may name tables of a newer format; they are opened too, so
/// that the format can be read and refused.
pub(super) fn descriptors(
    options: &RocksOptions,
    present: &[String],
) -> Vec<ColumnFamilyDescriptor> {
    let cache = Cache::new_lru_cache(options.block_cache_bytes);
    let unknown = present
        .iter()
        .map(String::as_str)
        .filter(|name| !ALL.contains(name));
    ALL.into_iter()
        .chain(unknown)
        .map(|name| ColumnFamilyDescriptor::new(name, column_options(name, options, &cache)))
        .collect()
}

fn column_options(name: &str, options: &RocksOptions, cache: &Cache) -> Options {
    let mut blocks = BlockBasedOptions::default();
    blocks.set_block_cache(cache);
    blocks.set_cache_index_and_filter_blocks(true);
    blocks.set_pin_l0_filter_and_index_blocks_in_cache(true);
    // Only these are asked for single keys, mostly ones that are not there.
    if [RECORDS, BY_HASH].contains(&name) {
        blocks.set_bloom_filter(BLOOM_BITS_PER_KEY, false);
    }
    let mut column = Options::default();
    if name == RECORDS {
        // Most records put are new, and this says so without walking through what is in memory.
        column.set_memtable_whole_key_filtering(true);
        column.set_memtable_prefix_bloom_ratio(MEMTABLE_BLOOM_RATIO);
    }
    column.set_block_based_table_factory(&blocks);
    column.set_compression_type(DBCompressionType::Lz4);
    column.set_arena_block_size(ARENA_BLOCK_BYTES);
    column.set_write_buffer_size(options.write_buffer_bytes);
    column
}
