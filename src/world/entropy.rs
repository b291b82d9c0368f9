//! Random octets, from the kernel.

/// The only source of randomness.
pub trait Entropy: Send + Sync {
    /// Fills `octets`; they are fit for keys.
    fn fill(&self, octets: &mut [u8]);
}

impl dyn Entropy {
    /// `N` random octets.
    pub fn octets<const N: usize>(&self) -> [u8; N] {
        let mut octets = [0; N];
        self.fill(&mut octets);
        octets
    }

    /// A random number below `bound`; zero when `bound` is zero.
    pub fn below(&self, bound: u64) -> u64 {
        // The bias of a remainder over 64 bits is of no matter to a jitter.
        u64::from_le_bytes(self.octets())
            .checked_rem(bound)
            .unwrap_or(0)
    }
}

/// The kernel's generator.
pub struct RealEntropy;

impl Entropy for RealEntropy {
    fn fill(&self, octets: &mut [u8]) {
        getrandom::fill(octets).expect("a kernel that runs smol has getrandom(2)");
    }
}
