//! All rows of one database into another: a backup of PostgreSQL is a file of SQLite like any other, and goes back into either. Refuses to know a table.

use futures_util::TryStreamExt as _;
use sqlx::{AssertSqlSafe, Row as _};

use super::StoreError;
use super::database::{Connection, Row};

/// One table as SQLite describes it.
struct Table {
    name: String,
    columns: Vec<Column>,
}

struct Column {
    name: String,
    /// `INTEGER`, `TEXT` or `BLOB`: all tables are strict.
    kind: String,
    is_key: bool,
}

/// Copies every row, in the order in which the tables were made, so that what is referred to is there first. One of the two is SQLite. The caller's transactions.
pub(super) async fn all(from: &mut Connection, to: &mut Connection) -> Result<(), StoreError> {
    let tables = match from.backend_name() {
        "SQLite" => tables(from).await?,
        _ => tables(to).await?,
    };
    for table in &tables {
        rows(table, from, to).await?;
        if to.backend_name() != "SQLite" {
            go_on_counting(table, to).await?;
        }
    }
    Ok(())
}

async fn tables(sqlite: &mut Connection) -> Result<Vec<Table>, StoreError> {
    let sql =
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name <> '_sqlx_migrations' ORDER BY rowid";
    let names: Vec<String> = sqlx::query_scalar(sql).fetch_all(&mut *sqlite).await?;
    let mut tables = Vec::with_capacity(names.len());
    for name in names {
        let described =
            sqlx::query("SELECT name, type, pk FROM pragma_table_info($1) ORDER BY cid").bind(&name).fetch_all(&mut *sqlite).await?;
        let column =
            |row: &Row| Ok(Column { name: row.try_get("name")?, kind: row.try_get("type")?, is_key: row.try_get::<i64, _>("pk")? == 1 });
        tables.push(Table { name, columns: described.iter().map(column).collect::<Result<_, sqlx::Error>>()? });
    }
    Ok(tables)
}

async fn rows(table: &Table, from: &mut Connection, to: &mut Connection) -> Result<(), StoreError> {
    let columns: Vec<&str> = table.columns.iter().map(|column| column.name.as_str()).collect();
    let places: Vec<String> = (1..=columns.len()).map(|place| format!("${place}")).collect();
    let read = format!("SELECT {} FROM {}", columns.join(", "), table.name);
    let write = format!("INSERT INTO {} ({}) VALUES ({})", table.name, columns.join(", "), places.join(", "));
    let mut rows = sqlx::query(AssertSqlSafe(read)).fetch(from);
    while let Some(row) = rows.try_next().await? {
        let mut insert = sqlx::query(AssertSqlSafe(write.clone()));
        for column in &table.columns {
            let name = column.name.as_str();
            insert = match column.kind.as_str() {
                "INTEGER" => insert.bind(row.try_get::<Option<i64>, _>(name)?),
                "BLOB" => insert.bind(row.try_get::<Option<Vec<u8>>, _>(name)?),
                _ => insert.bind(row.try_get::<Option<String>, _>(name)?),
            };
        }
        insert.execute(&mut *to).await?;
    }
    Ok(())
}

/// PostgreSQL draws the numbers of new rows from a sequence, which knows nothing of rows that came with one.
async fn go_on_counting(table: &Table, to: &mut Connection) -> Result<(), StoreError> {
    for column in table.columns.iter().filter(|column| column.is_key && column.kind == "INTEGER") {
        let (name, table) = (&column.name, &table.name);
        let sql = format!("SELECT setval(pg_get_serial_sequence('{table}', '{name}'), coalesce(max({name}), 0) + 1, false) FROM {table}");
        sqlx::query(AssertSqlSafe(sql)).execute(&mut *to).await?;
    }
    Ok(())
}
