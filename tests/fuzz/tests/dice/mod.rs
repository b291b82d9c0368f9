//! Changes to octets that are the same at each run (xorshift).

pub struct Dice(u64);

/// What turns a parser round more often than any octet would.
const PIECES: &[&[u8]] = &[
    b"\r\n",
    b"\n",
    b"\r",
    b"\0",
    b"--",
    b"=",
    b"=?",
    b"?=",
    b"<",
    b">",
    b"</",
    b"\"",
    b"\\",
    b"(",
    b")",
    b"{9}\r\n",
    b"{4294967296}\r\n",
    b"&",
    b"&#x",
    b";",
    b":",
    b"%",
    b"*0*=",
    b"\xff",
    b"\xef\xbb\xbf",
    b"\xc3",
    b"\x30\x80",
    b"\x00\x00",
    b"\xff\xff\xff\xff",
    b"\x7f\xff\xff\xff",
    b"-1",
    b"18446744073709551616",
    b"> ",
    b"-- ",
    b"@",
    b"\t",
    b" ",
];

impl Dice {
    /// By a name.
    pub fn of(name: &str) -> Dice {
        let fold = |sum: u64, octet: u8| (sum ^ u64::from(octet)).wrapping_mul(0x0100_0000_01b3);
        Dice(name.bytes().fold(0xcbf2_9ce4_8422_2325, fold) | 1)
    }

    pub fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound.max(1) as u64) as usize
    }

    /// The seed, changed in a few places; some of `other` may be put in.
    pub fn changed(&mut self, seed: &[u8], other: &[u8]) -> Vec<u8> {
        let mut octets = seed.to_vec();
        for _ in 0..=self.below(6) {
            let at = self.below(octets.len() + 1);
            let to = (at + self.below(60)).min(octets.len());
            match self.below(8) {
                0 => octets.truncate(at),
                1 => octets.insert(at, self.below(256) as u8),
                2 if at < octets.len() => octets[at] ^= 1 << self.below(8),
                3 => drop(octets.drain(at..to)),
                4 => {
                    let from = self.below(other.len() + 1);
                    let until = (from + self.below(200)).min(other.len());
                    drop(octets.splice(at..at, other[from..until].iter().copied()));
                }
                5 => {
                    let again = octets[at..to].repeat(1 + self.below(8));
                    drop(octets.splice(at..at, again));
                }
                _ => {
                    let piece = PIECES[self.below(PIECES.len())];
                    drop(octets.splice(at..at, piece.iter().copied()));
                }
            }
        }
        octets
    }
}
