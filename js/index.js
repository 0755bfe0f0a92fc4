export { Admission } from './guest/admission.js';
export { admit } from './admit/admit.js';
export { gpuTee } from './admit/gpu-tee.js';
export { readHeader } from './admit/read-header.js';
export { tensorTee } from './admit/tensor-tee.js';
export { AdmissionError } from './core/errors.js';
export { Guest } from './guest/guest.js';
export { loadGuest } from './guest/load.js';
export { hostFor } from './v1/host.js';
export { Header } from './guest/header.js';
export { Model } from './guest/model.js';
export { hubFile } from './sources/hub-file.js';
export { ModelSet } from './guest/model-set.js';
export { shardsOf } from './sources/shards-of.js';
export { opfsTee } from './store/store-tee.js';
export { admitStored } from './store/admit-stored.js';
export { openStored } from './store/open-stored.js';
export { OpenedModel } from './store/opened-model.js';
export { OpenedSet } from './store/opened-set.js';
export { makeRoom, persistStored } from './store/room.js';
export { listStored, pinStored } from './store/stored-entry.js';
export { findStored, removeStored } from './store/stored.js';
export { allocCopy, loadModel, release } from './v1.js';
export { GuestWorker, loadGuestWorker } from './worker/guest-worker.js';

/** @typedef {import('./admit/progress.js').ProgressEvent} AdmissionProgress */
/** @typedef {import('./sources/source-of.js').Admissible} Admissible */
/** @typedef {import('./sources/source-of.js').Admissibles} Admissibles */
/** @typedef {import('./admit/admit.js').AdmitOptions} AdmitOptions */
/** @typedef {import('./guest/model.js').AdmittedModel} AdmittedModel */
/** @typedef {import('./guest/settings.js').Algorithm} Algorithm */
/** @typedef {import('./guest/settings.js').Computed} Computed */
/** @typedef {import('./guest/report.js').Entry} Entry */
/** @typedef {import('./core/errors.js').ErrorCode} ErrorCode */
/** @typedef {import('./guest/report.js').FileReport} FileReport */
/** @typedef {import('./admit/read-header.js').HeaderOptions} HeaderOptions */
/** @typedef {import('./guest/report.js').Finding} Finding */
/** @typedef {import('./v1/loaded.js').Host} Host */
/** @typedef {import('./admit/gpu-tee.js').GpuOptions} GpuOptions */
/** @typedef {import('./sources/hub-file.js').HubFile} HubFile */
/** @typedef {import('./sources/hub-file.js').HubOptions} HubOptions */
/** @typedef {import('./core/errors.js').Kind} Kind */
/** @typedef {import('./guest/settings.js').Limits} Limits */
/** @typedef {import('./v1/loaded.js').LoadedModel} LoadedModel */
/** @typedef {import('./guest/header.js').Metadata} Metadata */
/** @typedef {import('./guest/report.js').ModelReport} ModelReport */
/** @typedef {import('./guest/admission.js').OnHeader} OnHeader */
/** @typedef {import('./admit/progress.js').OnProgress} OnProgress */
/** @typedef {import('./admit/tensor-tee.js').PassingTensor} PassingTensor */
/** @typedef {import('./worker/remote-model.js').RemoteHeader} RemoteHeader */
/** @typedef {import('./worker/remote-model.js').RemoteModel} RemoteModel */
/** @typedef {import('./worker/remote-model-set.js').RemoteModelSet} RemoteModelSet */
/** @typedef {import('./guest/report.js').Report} Report */
/** @typedef {import('./admit/options.js').SetOptions} SetOptions */
/** @typedef {import('./guest/report.js').SetReport} SetReport */
/** @typedef {import('./admit/options.js').ShardOptions} ShardOptions */
/** @typedef {import('./store/open-stored.js').OpenOptions} OpenOptions */
/** @typedef {import('./store/room.js').RoomOptions} RoomOptions */
/** @typedef {import('./store/store-tee.js').StoreOptions} StoreOptions */
/** @typedef {import('./store/stored-entry.js').StoredEntry} StoredEntry */
/** @typedef {import('./store/stored.js').StoredOptions} StoredOptions */
/** @typedef {import('./store/opened-model.js').TensorRange} TensorRange */
/** @typedef {import('./worker/remote-opened.js').RemoteOpenedModel} RemoteOpenedModel */
/** @typedef {import('./worker/remote-opened.js').RemoteOpenedSet} RemoteOpenedSet */
/** @typedef {import('./store/stored-file.js').Stored} Stored */
/** @typedef {import('./admit/tees.js').Tee} Tee */
/** @typedef {import('./guest/report.js').Tensor} Tensor */
/** @typedef {import('./admit/tensor-tee.js').TensorCalls} TensorCalls */
