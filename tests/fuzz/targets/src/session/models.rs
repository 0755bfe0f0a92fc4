//! The calls that read a model, make it active, or end it.

use gguf_admission::{Code, Error, Limits, State, Storage};

use super::Host;
use crate::naive::{self, Terms};
use crate::source::Source;

impl Host {
    pub(super) fn load(&mut self, source: &mut Source<'_>) {
        let good = source.chance(128);
        let file = if good { &self.good } else { &self.file };
        let limits = Limits::new(Storage::Resident);
        let terms = Terms { declared: Some(file.len() as u64), limits: &limits, resident: true };
        let verdict = if file.is_empty() { None } else { Some(naive::judge(file, terms)) };
        match self.registry.load(file) {
            Ok(()) => {
                assert!(matches!(verdict, Some(Ok(_))));
                self.end_loaded();
                self.active = self.registry.active();
                self.loaded = self.active;
                assert!(self.given.insert(self.active), "a load has a handle of its own");
            }
            Err(error) => match verdict {
                None => assert_eq!(error.code(), Code::Argument),
                Some(verdict) => assert_eq!(verdict.err(), Some(crate::drive::fault(&error))),
            },
        }
        assert_eq!(self.registry.active(), self.active);
        assert_eq!(self.registry.active_model().is_some(), self.active != 0);
    }

    pub(super) fn free(&mut self) {
        assert_eq!(self.registry.free_active(), self.active != 0);
        self.active = 0;
        self.end_loaded();
    }

    fn end_loaded(&mut self) {
        if self.loaded != 0 {
            assert!(self.registry.state(self.loaded).is_none(), "a loaded model ends when it is displaced");
        }
        self.loaded = 0;
    }

    pub(super) fn release(&mut self, handle: i32) {
        let live = self.registry.state(handle).is_some();
        assert_eq!(self.registry.release(handle).is_ok(), live);
        assert_eq!(self.registry.state(handle), None);
        self.known.retain(|known| known.handle != handle);
        if handle == self.active {
            self.active = 0;
        }
        if handle == self.loaded {
            self.end_loaded();
        }
        assert_eq!(self.registry.active(), self.active);
    }

    pub(super) fn metadata(&mut self, handle: i32, source: &mut Source<'_>) -> Result<(), Error> {
        let state = self.registry.state(handle);
        let result = self.registry.metadata(handle, i32::from(source.byte()) - 3).map(|text| {
            assert!(core::str::from_utf8(text).is_ok_and(|text| !text.is_empty()));
        });
        if let (Some(State::Open | State::Failed), Err(error)) = (state, &result) {
            assert_eq!(error.code(), Code::State);
        } else if let Err(error) = &result {
            assert!(matches!(error.code(), Code::Argument | Code::Handle | Code::Budget), "{error}");
        }
        result
    }

    pub(super) fn tensor(&mut self, handle: i32, source: &mut Source<'_>) -> Result<(), Error> {
        let state = self.registry.state(handle);
        let result = self.registry.tensor(handle, i32::from(source.byte()) - 3).map(|_| ());
        match &result {
            Ok(()) => assert_eq!(state, Some(State::Admitted)),
            Err(error) if state.is_some_and(|state| state != State::Admitted) => assert_eq!(error.code(), Code::State),
            Err(error) => assert!(matches!(error.code(), Code::Argument | Code::State | Code::Handle), "{error}"),
        }
        result
    }

    pub(super) fn activate(&mut self, handle: i32) -> Result<(), Error> {
        let state = self.registry.state(handle);
        let changes = self.registry.changes();
        let result = self.registry.activate(handle);
        match &result {
            Ok(after) => {
                assert_eq!((state, *after), (Some(State::Admitted), State::Admitted));
                assert_eq!(self.registry.changes() > changes, self.active != handle);
                if self.active != handle {
                    self.active = handle;
                    self.end_loaded();
                }
            }
            Err(error) => assert_eq!(error.code(), if state.is_some() { Code::State } else { Code::Handle }),
        }
        result.map(|_| ())
    }
}
