/** What every command prints on stderr when it fails. */
import { Try } from "@holdfast/mcp/Explanation"
import * as Schema from "effect/Schema"

const Problem = Schema.Struct({
  path: Schema.String.annotate({ description: "The argument, or the place in it; empty: all of them" }),
  problem: Schema.String
})

/** A failure, wherever an output has one. */
export const Failure = Schema.Struct({
  reason: Schema.String.annotate({
    description: "Which kind of failure, such as `UnknownServer`: see docs/errors. It decides the exit code"
  }),
  message: Schema.String.annotate({ description: "For people: what failed, why, and what to do" }),
  problems: Schema.optionalKey(
    Schema.Array(Problem).annotate({ description: "One by one, where several things may be wrong" })
  ),
  question: Schema.optionalKey(
    Schema.Unknown.annotate({
      description: "Of `QuestionRefused`: what the server has asked, as in `holdfast questions`"
    })
  ),
  parked: Schema.optionalKey(
    Schema.Unknown.annotate({
      description: "Of `QuestionParked`: the id of the `call` that the daemon keeps, and its `questions`"
    })
  )
})

const History = Schema.optionalKey(
  Schema.Array(Try).annotate({
    description: "Of a call without a daemon: the last tries of its server, the newest last, as in `holdfast why`"
  })
)

export const Output = Schema.Struct({ error: Schema.Struct({ ...Failure.fields, history: History }) }).annotate({
  description:
    "A failure, as one line on **stderr**, of every command. Nothing else of the command is on stdout then, " +
    "except where its own output says so."
})
