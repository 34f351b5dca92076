/** `holdfast tasks --json`. */
import * as Schema from "effect/Schema"
import { Row } from "./task.ts"

export const Output = Schema.Struct({ tasks: Schema.Array(Row) }).annotate({
  description: "The tasks that were left at their servers (`call --detach`), the oldest first."
})
