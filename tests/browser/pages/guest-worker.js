// The script of the package's worker, with a way to look into it.
import './probe.js';
import '../../../js/worker/entry.js';
