//! When to try again: exponential back-off with full jitter, in one place.

use std::time::Duration;

/// A back-off policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The span of the first wait.
    pub first: Duration,
    /// The span that no wait exceeds.
    pub most: Duration,
}

impl Backoff {
    /// The wait after `failures` in a row (from 1): between half the span and the whole of it.
    /// `jitter` is any number drawn at random.
    pub fn after(self, failures: u32, jitter: u64) -> Duration {
        let doublings = failures.saturating_sub(1).min(20);
        let span = self
            .first
            .saturating_mul(1 << doublings)
            .min(self.most)
            .max(Duration::from_millis(1));
        let half = u64::try_from(span.as_millis() / 2).unwrap_or(u64::MAX);
        span / 2 + Duration::from_millis(jitter % half.saturating_add(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_stay_within_their_bounds() {
        let backoff = Backoff {
            first: Duration::from_secs(1),
            most: Duration::from_secs(60),
        };
        for failures in 1..100 {
            for jitter in [0, 1, 77, u64::MAX] {
                let wait = backoff.after(failures, jitter);
                assert!(wait >= Duration::from_millis(500), "{failures} {wait:?}");
                assert!(wait <= Duration::from_secs(60), "{failures} {wait:?}");
            }
        }
        assert!(backoff.after(10, 0) >= Duration::from_secs(30));
    }
}
