/**
 * A kind of job: its name, its version, its schemas, how many may run at once.
 *
 * A kind is data. Any process may start, poll and cancel its jobs; those that provide `Runner.toLayer` run them.
 *
 * @example
 * ```ts
 * import { Job } from "@holdfast/jobs"
 * import * as Schema from "effect/Schema"
 *
 * export const Scan = Job.make("scan", {
 *   version: 1,
 *   payload: { path: Schema.String },
 *   success: Schema.Struct({ findings: Schema.Int }),
 *   idempotencyKey: ({ path }) => path
 * })
 * ```
 */
import * as Duration from "effect/Duration"
import * as Schema from "effect/Schema"

/** What becomes of unfinished jobs of an older version. */
export type OnOldVersion = "finish" | "restart" | "fail"

/** Names of the tools of a kind. */
export interface ToolNames {
  readonly run: string
  readonly progress: string
  readonly results: string
  readonly cancel: string
  readonly list: string
  readonly remove: string
  readonly answer: string
}

/** A kind of job with this payload, this success, this error, and this data in its progress. */
export interface Job<out Name extends string, in out Payload, in out Success, in out Failure, in out Data> {
  readonly name: Name
  readonly version: number
  readonly payload: Schema.Codec<Payload, unknown> & { readonly fields: Schema.Struct.Fields }
  readonly success: Schema.Codec<Success, unknown>
  readonly error: Schema.Codec<Failure, unknown>
  readonly progress: Schema.Codec<Data, unknown>
  /**
   * The key of a payload: payloads of the same key and owner are the same job until it is removed. Undefined: each start is a job of its
   * own.
   */
  readonly idempotencyKey: ((payload: Payload) => string) | undefined
  readonly concurrency: number | undefined
  readonly maxQueued: number
  readonly maxCrashes: number
  readonly maxDataBytes: number
  readonly priority: number
  readonly deadline: Duration.Duration | undefined
  readonly onOldVersion: OnOldVersion
  readonly toolNames: ToolNames
}

/** What a kind needs to say. */
export interface Options<Fields extends Schema.Struct.Fields, Success, Failure, Data> {
  /** Raise it when stored steps or payloads no longer fit the code. */
  readonly version: number
  readonly payload: Fields
  readonly success: Schema.Codec<Success, unknown>
  /** What a job may fail with. Default: nothing. */
  readonly error?: Schema.Codec<Failure, unknown> | undefined
  /** The `data` of its progress. Default: any JSON. */
  readonly progress?: Schema.Codec<Data, unknown> | undefined
  /** Payloads of the same key and owner are the same job, finished ones included, until it is removed. */
  readonly idempotencyKey?: ((payload: Schema.Struct<Fields>["Type"]) => string) | undefined
  /** Jobs of this kind that run at once in one process. Default: the number of cores. */
  readonly concurrency?: number | undefined
  /** Jobs of one owner that wait at once. Default: 10 000. */
  readonly maxQueued?: number | undefined
  /**
   * A job fails when processes died over it this often without completing a step. A death that it shared with others is not counted: they are
   * tried alone then. Default: 10.
   */
  readonly maxCrashes?: number | undefined
  /** The largest payload, result, step, answer or progress data, in bytes of JSON. Default: 4 MiB. */
  readonly maxDataBytes?: number | undefined
  /** Kinds of a higher one go first where `JobPolicy` limits the jobs of all kinds. Default: 0. */
  readonly priority?: number | undefined
  /** A job that has not ended so long after its acceptance fails, and is undone. Default: none. */
  readonly deadline?: Duration.Input | undefined
  /**
   * `finish`: goes on with the present code and its stored steps. `restart`: starts over, unless a step that is not safe to
   * repeat was begun. `fail`: fails. Default: `restart`.
   */
  readonly onOldVersion?: OnOldVersion | undefined
  /** The name for several, as `analyses` of `analysis`. Default: as English makes it of most: `scans`, `crunches`, `queries`. */
  readonly plural?: string | undefined
  /** Default, for `scan`: `run_scan`, `get_scan_progress`, `get_scan_results`, `cancel_scan`, `list_scans`, `remove_scan`, `answer_scan`. */
  readonly toolNames?: Partial<ToolNames> | undefined
}

/** A kind of job. Throws on a name or number that makes no sense: that is a mistake in the program. */
export const make = <
  const Name extends string,
  Fields extends Schema.Struct.Fields,
  Success,
  Failure = never,
  Data = Schema.Json
>(
  name: Name,
  options: Options<Fields, Success, Failure, Data>
): Job<Name, Schema.Struct<Fields>["Type"], Success, Failure, Data> => {
  if (!namePattern.test(name)) {
    throw new Error(`job kind "${name}": a name is up to 40 lower case letters, digits and underscores`)
  }
  const { plural = pluralOf(name) } = options
  if (!namePattern.test(plural)) {
    throw new Error(`job kind "${name}": its plural, "${plural}", is none for the name of a tool`)
  }
  positive(name, "version", options.version)
  positive(name, "concurrency", options.concurrency)
  positive(name, "maxQueued", options.maxQueued)
  positive(name, "maxCrashes", options.maxCrashes)
  positive(name, "maxDataBytes", options.maxDataBytes)
  type Payload = Schema.Struct<Fields>["Type"]
  const kind: Job<Name, Payload, Success, Failure, Data> = {
    name,
    version: options.version,
    // Fields that need services to be decoded fail to compile where they are used: `Jobs.start` has none to give.
    payload: Schema.Struct(options.payload) as unknown as Job<Name, Payload, Success, Failure, Data>["payload"],
    success: options.success,
    // Without a schema `Failure` is `never`, which is what it decodes to.
    error: options.error ?? Schema.Never as unknown as Schema.Codec<Failure, unknown>,
    // Without a schema `Data` is JSON.
    progress: options.progress ?? Schema.Json as unknown as Schema.Codec<Data, unknown>,
    idempotencyKey: options.idempotencyKey,
    concurrency: options.concurrency,
    maxQueued: options.maxQueued ?? 10_000,
    maxCrashes: options.maxCrashes ?? 10,
    maxDataBytes: options.maxDataBytes ?? 4 * 1024 * 1024,
    priority: options.priority ?? 0,
    deadline: options.deadline === undefined ? undefined : Duration.fromInputUnsafe(options.deadline),
    onOldVersion: options.onOldVersion ?? "restart",
    toolNames: {
      run: `run_${name}`,
      progress: `get_${name}_progress`,
      results: `get_${name}_results`,
      cancel: `cancel_${name}`,
      list: `list_${plural}`,
      remove: `remove_${name}`,
      answer: `answer_${name}`,
      ...options.toolNames
    }
  }
  return kind
}

const namePattern = /^[a-z][a-z0-9_]{0,39}$/

const pluralOf = (name: string): string => {
  if (/[^aeiou]y$/.test(name)) return `${name.slice(0, -1)}ies`
  return /(?:s|x|z|ch|sh)$/.test(name) ? `${name}es` : `${name}s`
}

const positive = (kind: string, option: string, value: number | undefined): void => {
  if (value === undefined || Number.isSafeInteger(value) && value > 0) return
  throw new Error(`job kind "${kind}": ${option} must be a whole number above 0, got ${value}`)
}
