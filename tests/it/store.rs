//! The store: durability, sealing, migrations.
