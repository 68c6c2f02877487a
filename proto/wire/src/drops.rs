/// Defines `DropReason`, the reasons for which a machine drops packets, and `Drops`, how often each was one.
///
/// The first argument says what dropping means there; each reason has a doc comment, a name, and the text that metrics know it by.
///
/// ```
/// moim_wire::drop_reasons! {
///     "Why a packet was dropped.";
///     /// It ends too early.
///     Malformed => "malformed",
/// }
///
/// let mut drops = Drops::default();
/// drops.count(DropReason::Malformed);
/// assert_eq!(DropReason::ALL[0].as_str(), "malformed");
/// assert_eq!((drops.of(DropReason::Malformed), drops.total()), (1, 1));
/// ```
#[macro_export]
macro_rules! drop_reasons {
    ($meaning:literal; $($(#[$doc:meta])* $name:ident => $text:literal,)*) => {
        #[doc = $meaning]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum DropReason {
            $($(#[$doc])* $name,)*
        }

        impl DropReason {
            /// Every reason, in the order they are declared.
            pub const ALL: [Self; [$($text),*].len()] = [$(Self::$name),*];

            /// A name for metrics.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }
        }

        /// How often packets were dropped, by reason.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct Drops([u64; DropReason::ALL.len()]);

        impl Drops {
            /// How many were dropped for this reason.
            pub fn of(&self, reason: DropReason) -> u64 {
                self.0[reason as usize]
            }

            /// How many were dropped for any reason.
            pub fn total(&self) -> u64 {
                self.0.iter().sum()
            }

            pub(crate) fn count(&mut self, reason: DropReason) {
                self.0[reason as usize] += 1;
            }
        }
    };
}
