import { Job, Runner } from "@holdfast/jobs"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Schema from "effect/Schema"

/** A kind of job: what it takes and what it gives. Any program may start one and ask for it. */
export const Mailing = Job.make("mailing", {
  version: 1,
  payload: { to: Schema.Array(Schema.String), text: Schema.String },
  success: Schema.Struct({ sent: Schema.Int })
})

/** How it is done. A step that is complete never runs again. One that was cut off does, so each letter is a file of its own. */
export const MailingLive = Runner.toLayer(
  Mailing,
  Effect.fn("mailing")(function*({ text, to }, job) {
    const files = yield* FileSystem.FileSystem
    yield* files.makeDirectory("outbox", { recursive: true }).pipe(Effect.orDie)
    for (const [index, name] of to.entries()) {
      const letter = Effect.andThen(
        files.writeFileString(`outbox/${encodeURIComponent(name)}.txt`, `Dear ${name}, ${text}\n`),
        Effect.log(`letter to ${name}`)
      )
      yield* job.step(`to ${name}`, Effect.orDie(letter))
      yield* job.progress({ percent: 100 * (index + 1) / to.length, message: name })
      // The first one is a proof. The answer may come in a second or in a week, to this process or to another one.
      if (index === 0 && !(yield* job.ask("approve", Schema.Boolean, { message: "Send it to the others, too?" }))) {
        return { sent: 1 }
      }
    }
    return { sent: to.length }
  })
)
