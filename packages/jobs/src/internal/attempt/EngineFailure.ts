import type { StoredFailure } from "../StoredJob.ts"

/** A failure of the engine's, thrown through the job's code as a defect. */
export class EngineFailure {
  readonly failure: StoredFailure
  constructor(failure: StoredFailure) {
    this.failure = failure
  }
}
