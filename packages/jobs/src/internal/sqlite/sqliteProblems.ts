/** What is wrong with the file of a store, as SQLite and the system say it. */
import type { SqlError } from "effect/sql/SqlError"
import { isNativeError } from "node:util/types"
import { JobError, JobStoreUnavailable, type StoreProblem } from "../../JobError.ts"

/** The store could not do this. */
export const unavailable = (store: string, operation: string, error: SqlError): JobError =>
  new JobError({ reason: new JobStoreUnavailable({ store, operation, ...problemOf(error) }) })

/** Primary result codes of SQLite. https://sqlite.org/rescode.html */
const problems: Readonly<Record<number, StoreProblem>> = {
  1: "unstorable",
  3: "unreachable",
  5: "locked",
  6: "locked",
  8: "read-only",
  10: "unreachable",
  11: "corrupt",
  13: "full",
  14: "unreachable",
  18: "unstorable",
  19: "unstorable",
  20: "unstorable",
  21: "unstorable",
  23: "unreachable",
  25: "unstorable",
  26: "corrupt"
}

export const wordsOf = (cause: unknown): { readonly problem: StoreProblem; readonly detail: string } => {
  const isCoded = typeof cause === "object" && cause !== null && "code" in cause
  const result = isCoded && "errcode" in cause ? Number(cause.errcode) & 0xff : 0
  const code = isCoded ? String(cause.code) : ""
  const problem = ["EROFS", "EACCES", "EPERM"].includes(code)
    ? "read-only"
    // Node's own complaints of what is to be stored, as a text that is too long.
    : code.startsWith("ERR_") && result === 0
    ? "unstorable"
    : "failed"
  return {
    problem: problems[result] ?? problem,
    detail: isNativeError(cause) ? cause.message : String(cause)
  }
}

const problemOf = ({ reason }: SqlError) => wordsOf(reason.cause)
