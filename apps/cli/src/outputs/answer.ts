/** `holdfast answer --json`. */
import * as Call from "./call.ts"

export const Output = Call.Result.annotate({
  description: "The result of the call that has waited for the answer, as `holdfast call --json` prints it."
})
