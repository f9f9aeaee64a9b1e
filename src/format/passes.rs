//! How often a log is read from its start.

/// Passes over a log that is read again with what was learnt of it, for as long as more is learnt.
#[derive(Clone, Copy, Debug, Default)]
pub struct Passes {
    in_vain: u32,
}

impl Passes {
    /// More than any log needs. What still contradicts itself then is taken as it was read.
    const MOST: u32 = 32;

    /// True when another pass is to follow, where this one has `learnt` what it would have needed before.
    pub fn again(&mut self, learnt: bool) -> bool {
        self.in_vain += u32::from(learnt);
        learnt && self.in_vain < Self::MOST
    }

    /// The log was read up to its end: what comes later may teach something else.
    pub fn settle(&mut self) {
        *self = Passes::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_that_never_settles_is_not_read_without_end() {
        let mut passes = Passes::default();
        assert!(passes.again(true) && !passes.again(false));
        assert!((0..100).any(|_| !passes.again(true)));
        passes.settle();
        assert!(passes.again(true));
    }
}
