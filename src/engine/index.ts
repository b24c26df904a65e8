export { DriftlineError, type DriftlineErrorOptions } from '../foundation/driftline-error.js';
export { errorCodes, type ErrorCode } from '../foundation/error-codes.js';
