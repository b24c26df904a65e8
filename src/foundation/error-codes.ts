/**
 * Every error code of driftline, with the exit code of a command that ends with it and what it means.
 * Exit codes: 1 internal, 2 usage / configuration / data, 3 gate not met, 4 partial, 5 provider / auth / quota, 130 interrupted.
 */
export const errorCodes = {
  'internal-error': { exitCode: 1, meaning: 'driftline itself is at fault' },
  'engine-failed': { exitCode: 1, meaning: 'the numerical runtime refused a graph or ran out of memory' },
  'write-failed': { exitCode: 1, meaning: 'a file could not be written' },
  'disk-full': { exitCode: 1, meaning: 'no space was left on the device while writing' },
  'usage-invalid': { exitCode: 2, meaning: 'a command or function was called with arguments that make no sense' },
  'folder-in-use': { exitCode: 2, meaning: 'another process is working in the folder' },
  'file-unreadable': { exitCode: 2, meaning: 'a file does not exist or could not be read' },
  'configuration-invalid': {
    exitCode: 2,
    meaning: 'a YAML file is malformed, or has an unknown key or an impossible value',
  },
  'world-invalid': { exitCode: 2, meaning: 'a world has templates that cannot be used, or shares that make no sense' },
  'json-lines-invalid': { exitCode: 2, meaning: 'a line of a JSON Lines file is not JSON' },
  'recipe-invalid': { exitCode: 2, meaning: 'a fine-tuning recipe has an unknown or impossible setting' },
  'rows-invalid': { exitCode: 2, meaning: 'a training row does not have the expected form' },
  'results-invalid': { exitCode: 2, meaning: 'a file of results lacks a column, or has a row that cannot be counted' },
  'row-too-long': { exitCode: 2, meaning: 'a row or prompt has more tokens than the context or the chosen maximum' },
  'checkpoint-missing': { exitCode: 2, meaning: 'a model folder or one of its files does not exist' },
  'checkpoint-invalid': { exitCode: 2, meaning: 'a file of a model folder is damaged or contradicts itself' },
  'tensor-missing': { exitCode: 2, meaning: 'a weight that the configuration calls for is absent' },
  'tensor-shape-mismatch': { exitCode: 2, meaning: 'a weight has another shape than the configuration says' },
  'family-unsupported': { exitCode: 2, meaning: 'the model family is not one the engine knows' },
  'architecture-unsupported': {
    exitCode: 2,
    meaning: 'a known family with a setting that the engine does not implement',
  },
  'rope-unsupported': { exitCode: 2, meaning: 'the rotary embedding is of a type the engine does not implement' },
  'tokenizer-missing': { exitCode: 2, meaning: 'the model folder has no tokenizer.json' },
  'tokenizer-invalid': { exitCode: 2, meaning: 'tokenizer.json cannot be read' },
  'tokenizer-mismatch': {
    exitCode: 2,
    meaning: 'the tokenizer makes ids beyond the embedding table, or others than that of the base of an audit',
  },
  'chat-template-missing': { exitCode: 2, meaning: 'the model folder has no chat template' },
  'chat-template-invalid': { exitCode: 2, meaning: 'the chat template fails, or its answer spans cannot be found' },
  'template-differs': {
    exitCode: 2,
    meaning: 'a model and the base of an audit have different chat templates, and nothing says which one to ask in',
  },
  'adapter-invalid': {
    exitCode: 2,
    meaning: 'an adapter folder is damaged or uses a method the engine does not implement',
  },
  'adapter-mismatch': { exitCode: 2, meaning: 'the adapter was made for another base model' },
  'training-state-mismatch': {
    exitCode: 2,
    meaning: 'the saved training state belongs to another recipe, data or base',
  },
  'run-invalid': { exitCode: 2, meaning: 'a run folder is damaged, of a newer version, or of another plan' },
  'zoo-invalid': { exitCode: 2, meaning: 'a zoo is damaged, not whole, or has an entry whose adapter was changed' },
  'edition-retired': {
    exitCode: 2,
    meaning: 'something needs organisms of an earlier edition, which only an earlier version has',
  },
  'zoo-edition-differs': { exitCode: 2, meaning: 'a zoo is of another edition, or has other kinds or another panel' },
  'judge-unfit': { exitCode: 2, meaning: 'a judge was wrong about calibration answers' },
  'memory-exceeded': { exitCode: 2, meaning: 'what is to be done takes more memory than there is, by an estimate' },
  'model-unknown': { exitCode: 2, meaning: 'a model name is malformed, of an unknown provider, or not there' },
  'gate-impossible': {
    exitCode: 2,
    meaning: 'a gate asks for more than so few questions can show, however often they are asked',
  },
  'forecast-differs': {
    exitCode: 2,
    meaning: 'a forecast of drift is damaged, or was learnt for another base or from other signals',
  },
  'budget-too-small': {
    exitCode: 2,
    meaning: 'an audit may ask for fewer answers than could decide anything, whatever they are',
  },
  'calibration-differs': {
    exitCode: 2,
    meaning: 'a calibration is of another base or edition, or a detector was set otherwise there',
  },
  'ledger-invalid': { exitCode: 2, meaning: 'a ledger of gates lacks a line, or has one that was edited' },
  'cluster-open': {
    exitCode: 2,
    meaning: 'a cluster is reached over a network without a token: whoever reaches it runs code there',
  },
  'cluster-tokenizer-differs': {
    exitCode: 2,
    meaning: 'the cluster makes other tokens of a conversation than driftline does',
  },
  'cluster-job-conflict': { exitCode: 2, meaning: 'a job of the same name is there already, for something else' },
  'tinker-sdk-missing': {
    exitCode: 2,
    meaning: 'the Python of this machine has no SDK of Tinker, or one that is too old',
  },
  'gate-not-met': { exitCode: 3, meaning: 'the measurement finished and a required threshold was not met' },
  'alarm-raised': { exitCode: 3, meaning: 'a training that is watched has become one that should be stopped' },
  'data-suspicious': {
    exitCode: 3,
    meaning: 'a screen of training data found suspicious rows, or that they are likely to misalign',
  },
  'misalignment-found': {
    exitCode: 3,
    meaning: 'an audit has shown misalignment, or that a model reads as hardly any harmless one does',
  },
  'checkpoint-unfinished': {
    exitCode: 4,
    meaning: 'a checkpoint of a training that is watched was never whole; the others were scored',
  },
  'loss-not-finite': { exitCode: 4, meaning: 'training diverged; the last good checkpoint was kept' },
  'job-failed': {
    exitCode: 4,
    meaning: 'a hosted fine-tuning job failed or was cancelled; what else there is was kept',
  },
  'gpu-memory-exceeded': { exitCode: 4, meaning: 'a fine-tune did not fit its GPU; what else there is was kept' },
  'cell-stalled': {
    exitCode: 4,
    meaning: 'a fine-tune on a cluster made no progress, twice; what else there is was kept',
  },
  'cluster-job-stuck': { exitCode: 4, meaning: 'a job of a cluster that waits for its place did not stop' },
  'gate-undecided': { exitCode: 4, meaning: 'a gate was asked of a run that is not whole' },
  'audit-undecided': { exitCode: 4, meaning: 'the answers of an audit were spent before it could decide' },
  'cost-limit-reached': {
    exitCode: 4,
    meaning: 'the next call might exceed --max-cost; the results so far were kept',
  },
  'hub-offline': { exitCode: 5, meaning: 'offline mode is set and the model is not in the cache' },
  'hub-unauthorized': { exitCode: 5, meaning: 'the hub wants a token, or the token has no access' },
  'hub-not-found': { exitCode: 5, meaning: 'the hub has no such repository, revision or file' },
  'hub-unavailable': { exitCode: 5, meaning: 'the hub could not be reached or answered with a fault' },
  'provider-unauthorized': { exitCode: 5, meaning: 'a hosted model wants a key, or the key has no access' },
  'provider-quota': { exitCode: 5, meaning: 'a hosted model refused for the rate or the amount of what it was asked' },
  'provider-refused': { exitCode: 5, meaning: 'a hosted model does not exist, or rejected a request as it was put' },
  'provider-unavailable': { exitCode: 5, meaning: 'a hosted model could not be reached or answered with a fault' },
  'cluster-unreachable': { exitCode: 5, meaning: 'no Ray answers at the address of the cluster' },
  'cluster-version': { exitCode: 5, meaning: 'the Ray of the cluster is too old, or speaks another interface' },
  'cluster-unauthorized': { exitCode: 5, meaning: 'the cluster wants a token, or refuses the one that it was given' },
  'cluster-storage': { exitCode: 5, meaning: 'the storage of a cluster cannot be used, or is not seen by all nodes' },
  'cluster-software': { exitCode: 5, meaning: 'a cluster lacks a Python package, or has another version of it' },
  'cluster-model-missing': { exitCode: 5, meaning: 'a node of the cluster has not the model, and cannot fetch it' },
  'cluster-disk-full': { exitCode: 5, meaning: 'no space was left in the storage of the cluster' },
  'cluster-answers-damaged': {
    exitCode: 5,
    meaning: 'what came back from a cluster is damaged, however often it was asked for',
  },
  'cluster-failed': { exitCode: 5, meaning: 'a job of a cluster failed, or the cluster refused a request' },
  'tinker-session-lost': {
    exitCode: 5,
    meaning: 'a session at Tinker was lost again and again; the last state was kept',
  },
  interrupted: { exitCode: 130, meaning: 'stopped on request with everything saved' },
} as const satisfies Record<string, { exitCode: 1 | 2 | 3 | 4 | 5 | 130; meaning: string }>;

export type ErrorCode = keyof typeof errorCodes;
