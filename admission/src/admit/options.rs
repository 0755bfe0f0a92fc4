//! What to admit a file as.

use core::fmt;

use crate::check::profile::{Level, Profile};
use crate::contract::{Limits, Storage};
use crate::digests::{Algorithm, Digest, EVIDENCE, Evidence};
use crate::error::Error;
use crate::format::Header;
use crate::session::Session;
use crate::sink::{Resident, Sink, Verify};

/// Why a callback does not want a file: any error of its own, a text, or an [`Error`] of this crate.
pub type Refusal = Box<dyn std::error::Error + Send + Sync>;

/// What to admit a file as. `F` is the callback of [`on_header`](Options::on_header).
///
/// ```
/// use gguf_admission::{AdmitError, Code, Level, Options, Profile, Rule, admit_reader};
///
/// let admitted = |profile| {
///     let file = std::fs::File::open("examples/tiny.gguf")?;
///     let length = Some(file.metadata()?.len());
///     Ok::<_, std::io::Error>(admit_reader(file, Options { length, profile, ..Options::verify() }))
/// };
/// // The file keeps every rule of the format, and no reader of the family could load it: it says no block count.
/// let model = admitted(Some((Profile::Llama, Level::Report)))?.expect("findings refuse nothing at this level");
/// let findings = model.findings().expect("a profile was chosen");
/// assert_eq!(findings.kept()[0].rule(), Rule::L2);
///
/// let refused = admitted(Some((Profile::Llama, Level::Refuse)))?;
/// assert!(matches!(refused, Err(AdmitError::Refused(error)) if error.code() == Code::Profile));
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Options<S, F = fn(&Header) -> Result<(), Refusal>> {
    /// Where the data goes.
    pub sink: S,
    /// The exact length of the file, where it is known: a wrong one is an error, and a file that lies about its size is
    /// rejected as soon as its header is read. `Some(0)` is an empty file.
    pub length: Option<u64>,
    /// The limits to hold the file to.
    pub limits: Limits,
    /// Which digests to compute besides those expected, as a mask of [`Algorithm`]s; SHA-256 unless told.
    pub digests: u8,
    /// The SHA-256 that the file must have.
    pub sha256: Option<Digest>,
    /// The BLAKE3 that the file must have.
    pub blake3: Option<Digest>,
    /// Whether to compute the file's [`Evidence`], and with it its BLAKE3.
    pub evidence: bool,
    /// The evidence that the file, or its first groups, must have: a group that differs is refused at its last byte.
    pub expected_evidence: Option<Evidence>,
    /// The profile to judge the header by, and what its findings do: stand in the model, or refuse the file. None is
    /// off.
    pub profile: Option<(Profile, Level)>,
    /// Is shown the header; accepts every file unless told. Set by [`Options::on_header`].
    pub on_header: F,
}

impl Options<Verify> {
    /// Prove the file good and keep its header.
    pub fn verify() -> Self {
        Options { limits: Limits::new(Storage::Verify), ..Options::into_sink(Verify::default()) }
    }
}

impl Options<Resident> {
    /// Keep the whole model in memory.
    pub fn resident() -> Self {
        Options::into_sink(Resident::default())
    }
}

impl<S: Sink> Options<S> {
    /// Stream the data into a sink of the caller's.
    pub fn into_sink(sink: S) -> Self {
        Options {
            sink,
            length: None,
            limits: Limits::new(Storage::Resident),
            digests: Algorithm::Sha256 as u8,
            sha256: None,
            blake3: None,
            evidence: false,
            expected_evidence: None,
            profile: None,
            on_header: |_| Ok(()),
        }
    }

    /// A session with these options, to feed step by step. It shows its header itself, once a
    /// [`push`](Session::push) has reached the header's end; so there is no `open` with a callback for it.
    ///
    /// ```
    /// use gguf_admission::{Options, State};
    ///
    /// let file = std::fs::read("examples/tiny.gguf")?;
    /// let mut session = Options { length: Some(file.len() as u64), ..Options::resident() }.open()?;
    /// let taken = session.push(&file)?;
    /// assert_eq!(session.state(), State::HeaderReady);
    /// println!("{} bytes of memory are needed", session.needed());
    /// session.push_all(&file[taken..])?;
    /// session.finish()?;
    /// assert_eq!(session.state(), State::Admitted);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn open(self) -> Result<Session<S>, Error> {
        Ok(self.session()?.0)
    }
}

impl<S, F> Options<S, F> {
    /// Shows the header to `on_header`, which may refuse the file. It is called once, when the header is whole and
    /// keeps every rule, before storage is reserved and before any of the data is asked for.
    ///
    /// What it refuses with is the [`source`](std::error::Error::source) of the [`Error`] that ends the admission,
    /// whose code is [`Limit`](crate::Code::Limit). An [`Error`] of this crate, such as one of the header's getters, is
    /// that error itself.
    ///
    /// ```
    /// use gguf_admission::{AdmitError, Options, Refusal, admit_reader};
    ///
    /// #[derive(Debug)]
    /// struct Unsupported(String);
    ///
    /// impl std::fmt::Display for Unsupported {
    ///     fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
    ///         write!(f, "this runtime has no {}", self.0)
    ///     }
    /// }
    ///
    /// impl std::error::Error for Unsupported {}
    ///
    /// let options = Options::resident().on_header(|header| match &*header.str("general.architecture")? {
    ///     "bert" => Ok(()),
    ///     other => Err(Unsupported(other.into()).into()),
    /// });
    /// let file = std::fs::File::open("examples/tiny.gguf")?;
    /// let Err(AdmitError::Refused(error)) = admit_reader(file, options) else { panic!("it is a llama") };
    /// assert_eq!(error.message(), "this runtime has no llama");
    /// let source = std::error::Error::source(&error).and_then(|source| source.downcast_ref());
    /// assert!(matches!(source, Some(Unsupported(name)) if name == "llama"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn on_header<G>(self, on_header: G) -> Options<S, G>
    where
        G: FnOnce(&Header) -> Result<(), Refusal>,
    {
        let Options { sink, length, limits, digests, sha256, blake3, evidence, expected_evidence, profile, .. } = self;
        Options { sink, length, limits, digests, sha256, blake3, evidence, expected_evidence, profile, on_header }
    }
}

impl<S: Sink, F> Options<S, F> {
    /// The session, and the callback that it does not know of.
    pub(super) fn session(self) -> Result<(Session<S>, F), Error> {
        let mut session = Session::new(self.sink, self.length, self.limits)?;
        let expected = [(Algorithm::Sha256, self.sha256), (Algorithm::Blake3, self.blake3)];
        let mask = expected
            .iter()
            .filter(|(_, digest)| digest.is_some())
            .fold(self.digests, |mask, (algorithm, _)| mask | *algorithm as u8);
        let evidence =
            if self.evidence || self.expected_evidence.is_some() { EVIDENCE | Algorithm::Blake3 as u8 } else { 0 };
        session.set_digests(mask | evidence)?;
        for (algorithm, digest) in expected {
            if let Some(digest) = digest {
                session.expect_digest(algorithm, digest)?;
            }
        }
        if let Some(evidence) = self.expected_evidence {
            session.expect_evidence(evidence)?;
        }
        session.set_profile(self.profile)?;
        Ok((session, self.on_header))
    }
}

/// What is asked; not the sink and not the callback, which need not be [`Debug`](fmt::Debug).
impl<S, F> fmt::Debug for Options<S, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("length", &self.length)
            .field("limits", &self.limits)
            .field("digests", &self.digests)
            .field("sha256", &self.sha256)
            .field("blake3", &self.blake3)
            .field("evidence", &self.evidence)
            .field("expected_evidence", &self.expected_evidence)
            .field("profile", &self.profile)
            .finish_non_exhaustive()
    }
}
