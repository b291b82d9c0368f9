//! What the index keeps in memory of all that went through it, let go.
//!
//! sled holds to its cache's size only now and then: it counts what is read by 256 shards, each of which looks at
//! its size at every 64th reading. Behind 20,000 messages it keeps 4.5 MiB of pages where the cache may have a
//! half, and nothing frees them but its end. So it is closed and opened again, when it is quiet (measured: 50 ms
//! behind 20,000 messages, 15 behind 2,000; less where it was done before).
//!
//! What it replaced or closed is garbage then, some MiB of it, which waits until no thread may still look at
//! it. Reading and writing free it some at a time; where nobody does it waits for ever.

use super::{decode, Fault, Index, Meta, META};

/// Turns that are made for garbage: each frees what eight threads' bags hold, as soon as two turns have gone by.
const TURNS: usize = 512;

/// A larger one is left as it is: to open it takes a moment for each page, and somebody may wait.
const LARGEST: u64 = 32 << 20;

impl Index {
    /// Tells sled everything, closes it and opens it again. Whoever reads meanwhile waits.
    ///
    /// It makes nothing durable: that is the caller's, before. A crash finds what was durable then. After an
    /// error the index is at its end.
    pub fn rest(&mut self) -> Result<(), Fault> {
        self.flush()?;
        self.gathered.shrink_to_fit();
        let Some(config) = &self.config else {
            return Ok(());
        };
        if self.db()?.size_on_disk()? > LARGEST {
            return Ok(());
        }
        self.table.open_again(config)?;
        for _ in 0..TURNS {
            crossbeam_epoch::pin().flush();
        }
        // It was closed in good order: anything else there is not what we wrote.
        let there = self.db()?.get(META)?.map(|octets| decode::<Meta>(&octets));
        let there = there.transpose()?.map(|meta| meta.position);
        match there.is_none_or(|position| position == self.meta.position) {
            true => Ok(()),
            false => Err(Fault::Damaged {
                said: "opened again it was another".to_owned(),
            }),
        }
    }
}
