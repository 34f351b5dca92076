/**
 * Values as JSON texts in a store, by a schema or as they are.
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

/** The value does not fit, and where. */
export class Unfit extends Data.TaggedError("Unfit")<{ readonly expected: string }> {}

const unfit = (error: Schema.SchemaError) => new Unfit({ expected: error.message.replaceAll(/\s*\n\s*/g, "; ") })

/** By a schema. */
export const encode = <A>(schema: Schema.Codec<A, unknown>, value: A): Effect.Effect<string, Unfit> =>
  Schema.encodeEffect(Schema.toCodecJson(schema))(value).pipe(
    Effect.map((json) => JSON.stringify(json)),
    Effect.mapError(unfit)
  )

/** By a schema. */
export const decode = <A>(schema: Schema.Codec<A, unknown>, text: string): Effect.Effect<A, Unfit> =>
  Effect.flatMap(
    Effect.try({ try: (): unknown => JSON.parse(text), catch: () => new Unfit({ expected: "JSON" }) }),
    (json) => Effect.mapError(Schema.decodeUnknownEffect(Schema.toCodecJson(schema))(json), unfit)
  )

/** As it is, for values that are the same after JSON; `undefined` is no text. */
export const encodePlain = (value: unknown): Effect.Effect<string | undefined, Unfit> => {
  if (value === undefined) return Effect.undefined
  const place = strangerIn(value, "value", 0)
  return place === undefined ? Effect.succeed(JSON.stringify(value)) : Effect.fail(new Unfit({ expected: place }))
}

const maxDepth = 200

/** Where in a value something is that JSON loses or changes. */
const strangerIn = (value: unknown, path: string, depth: number): string | undefined => {
  if (value === null || typeof value === "string" || typeof value === "boolean") return undefined
  if (typeof value === "number") return Number.isFinite(value) ? undefined : `${path} is ${value}, which is not JSON`
  if (depth > maxDepth) return `${path} is nested too deeply, or holds itself`
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) {
      const place = strangerIn(item, `${path}[${index}]`, depth + 1)
      if (place !== undefined) return place
    }
    return undefined
  }
  const prototype: unknown = typeof value === "object" ? Object.getPrototypeOf(value) : undefined
  if (typeof value !== "object" || prototype !== Object.prototype && prototype !== null) {
    const name = typeof value === "object" ? value.constructor?.name ?? "an object" : typeof value
    return `${path} is ${name}, which JSON does not keep`
  }
  for (const [key, item] of Object.entries(value)) {
    if (item === undefined) continue
    const place = strangerIn(item, `${path}.${key}`, depth + 1)
    if (place !== undefined) return place
  }
  return undefined
}
