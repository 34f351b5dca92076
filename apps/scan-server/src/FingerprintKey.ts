/**
 * The key that fingerprints of findings are made with. Without it passwords cannot be tried against a report; with it the same secret at
 * the same path has the same fingerprint, scan after scan: what baselines go by.
 *
 * Gotchas: keep the file, and keep it to yourself. With another key every finding is a new one, and a baseline says that it was made with
 * another.
 */
import * as Config from "effect/Config"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import { randomKey } from "./internal/nodeRandom.ts"

/** The key cannot be read, or not be kept. */
export class KeyUnusable extends Data.TaggedError("KeyUnusable")<{ readonly file: string; readonly problem: string }> {
  override get message(): string {
    return `fingerprint key ${this.file}: ${this.problem}`
  }
}

/** 256 bits. */
export const random: Effect.Effect<string> = Effect.sync(randomKey)

/** The environment's (`HOLDFAST_SCAN_KEY`, 16 characters or more), else another. Fails with `KeyUnusable`. */
export const environmentOr = Effect.fnUntraced(function*<E, R>(other: Effect.Effect<string, E, R>) {
  const said = yield* Effect.orDie(Config.option(Config.String("HOLDFAST_SCAN_KEY")))
  if (Option.isNone(said)) return yield* other
  if (said.value.length >= minLength) return said.value
  return yield* new KeyUnusable({ file: "HOLDFAST_SCAN_KEY", problem: `it has less than ${minLength} characters` })
})

/**
 * The environment's, else that of the file, which is made if it is not there; only its owner may read it. Of several processes that make it at once all have the same. Fails with `KeyUnusable`.
 */
export const load = (file: string) => environmentOr(ofFile(file))

const ofFile = Effect.fn("FingerprintKey.ofFile")(function*(file: string) {
  const fs = yield* FileSystem.FileSystem
  const fail = (problem: string) => new KeyUnusable({ file, problem })
  const read = Effect.map(fs.readFileString(file), (text) => text.trim())
  const made = Effect.gen(function*() {
    const key = yield* random
    const mine = `${file}.${key.slice(0, 8)}`
    yield* fs.writeFileString(mine, `${key}\n`, { flag: "wx", mode: 0o600 })
    // A name is given to a whole file only, and never taken from another's.
    return yield* fs.link(mine, file).pipe(
      Effect.as(key),
      Effect.catchIf(({ reason }) => reason._tag === "AlreadyExists", () => read),
      Effect.ensuring(Effect.ignore(fs.remove(mine)))
    )
  })
  const key = yield* read.pipe(
    Effect.catchIf(({ reason }) => reason._tag === "NotFound", () => made),
    Effect.mapError(({ message }) => fail(`${message}; name a file that can be read or made`))
  )
  return key.length >= minLength
    ? key
    : yield* fail(`it has less than ${minLength} characters; remove it to get a new one`)
})

const minLength = 16
