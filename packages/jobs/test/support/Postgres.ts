/**
 * A Postgres of the test's own: Debian's binaries, a temporary directory, a socket in it, no TCP.
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as childProcess from "node:child_process"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { temporaryDirectory } from "./temporaryFile.ts"

export class PostgresMissing extends Data.TaggedError("PostgresMissing")<{ readonly message: string }> {}

/** Postgres refuses to run as root: then it runs as nobody. */
const someone = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {}

const binaries = (): string => {
  const versions = "/usr/lib/postgresql"
  const found = fs.existsSync(versions)
    ? fs.readdirSync(versions).toSorted((a, b) => Number(b) - Number(a)).map((name) => path.join(versions, name, "bin"))
    : []
  const all = [...found, ...(process.env["PATH"] ?? "").split(path.delimiter)]
  const folder = all.find((folder) => fs.existsSync(path.join(folder, "initdb")))
  if (folder === undefined) throw new Error("no Postgres: install Debian's package postgresql")
  return folder
}

const run = (command: string, args: ReadonlyArray<string>) =>
  Effect.suspend(() => {
    const { status, stderr } = childProcess.spawnSync(command, args, { encoding: "utf8", cwd: "/", ...someone })
    return status === 0 ? Effect.void : Effect.fail(new PostgresMissing({ message: `${command}: ${stderr}` }))
  })

/** Runs on what `prepare` puts into its folder, with these settings, until the Scope closes. */
const startOn = Effect.fnUntraced(function*(
  prepare: (folder: string, data: string) => Effect.Effect<void, PostgresMissing>,
  settings: Readonly<Record<string, string>>
) {
  const directory = yield* temporaryDirectory
  const folder = binaries()
  const data = path.join(directory, "data")
  const socket = path.join(directory, "s")
  const log = path.join(directory, "log")
  for (const made of [data, socket]) {
    fs.mkdirSync(made)
    if (someone.uid !== undefined) fs.chownSync(made, someone.uid, someone.gid)
  }
  fs.chmodSync(data, 0o700)
  // Whoever it runs as must get through to its directory. The folder above is this test run's own.
  for (const passed of [directory, os.tmpdir()]) {
    if ((fs.statSync(passed).mode & 0o001) === 0) fs.chmodSync(passed, fs.statSync(passed).mode | 0o011)
  }
  yield* prepare(folder, data)
  const spawn = () =>
    childProcess.spawn(
      path.join(folder, "postgres"),
      [
        ...["-D", data, "-k", socket],
        ...Object.entries({ listen_addresses: "", max_connections: "100", ...settings }).flatMap(([name, value]) => [
          "-c",
          `${name}=${value}`
        ])
      ],
      { stdio: ["ignore", "ignore", fs.openSync(log, "a")], cwd: "/", ...someone }
    )
  const isReady = run(path.join(folder, "pg_isready"), ["-h", socket, "-U", "jobs"]).pipe(
    Effect.retry(Schedule.spaced("100 millis").pipe(Schedule.upTo({ duration: "2 minutes" })))
  )
  let child = spawn()
  /** All of its processes. */
  const signal = (name: NodeJS.Signals) =>
    Effect.sync(() => {
      const children = childProcess.spawnSync("pgrep", ["-P", String(child.pid)], { encoding: "utf8" }).stdout
      for (const pid of [child.pid, ...children.split("\n").map(Number)]) {
        if (pid === undefined || pid === 0) continue
        try {
          process.kill(pid, name)
        } catch {
          // It has ended meanwhile.
        }
      }
    })
  const stop = Effect.callback<void>((resume) => {
    if (child.exitCode !== null || child.signalCode !== null) return resume(Effect.void)
    child.once("exit", () => resume(Effect.void))
    // A fast shutdown: connections are cut.
    child.kill("SIGINT")
  })
  yield* Effect.addFinalizer(() => Effect.andThen(signal("SIGCONT"), stop))
  yield* isReady
  const admin = (statement: string, database = "postgres") =>
    run(path.join(folder, "psql"), [
      ...["-h", socket, "-U", "jobs", "-d", database, "-v", "ON_ERROR_STOP=1"],
      // Also of a server that is read-only for all others.
      ...["-c", "SET default_transaction_read_only = off", "-c", statement]
    ])
  return {
    socket: path.join(socket, ".s.PGSQL.5432"),
    folder: socket,
    pid: () => child.pid ?? 0,
    admin,
    log: Effect.sync(() => fs.readFileSync(log, "utf8")),
    stop,
    begin: Effect.andThen(Effect.sync(() => void (child = spawn())), isReady),
    /** It answers nothing, and closes nothing. */
    freeze: signal("SIGSTOP"),
    thaw: signal("SIGCONT")
  }
})

/** Runs with these settings until the Scope closes. */
export const startWith = (settings: Readonly<Record<string, string>>) =>
  startOn(
    (folder, data) => run(path.join(folder, "initdb"), ["-D", data, "-U", "jobs", "-A", "trust", "--no-sync"]),
    settings
  )

export const start = startWith({})

/** A copy of the server whose socket is in that folder, which follows it until it is promoted. */
export const startStandby = (server: string) =>
  startOn(
    (folder, data) =>
      run(path.join(folder, "pg_basebackup"), [
        "-h",
        server,
        "-U",
        "jobs",
        "-D",
        data,
        "-R",
        "-c",
        "fast",
        "--no-sync"
      ]),
    {}
  )

/** PgBouncer in transaction mode before the server whose socket is in that folder, in a folder of its own, until the Scope closes. */
export const bouncer = Effect.fnUntraced(function*(server: string, database: string) {
  const directory = yield* temporaryDirectory
  if (someone.uid !== undefined) fs.chownSync(directory, someone.uid, someone.gid)
  const file = ["/usr/sbin/pgbouncer", "/usr/bin/pgbouncer"].find((file) => fs.existsSync(file))
  if (file === undefined) throw new Error("no PgBouncer: install Debian's package pgbouncer")
  const users = path.join(directory, "users")
  const config = path.join(directory, "pgbouncer.ini")
  fs.writeFileSync(users, "\"jobs\" \"\"\n")
  fs.writeFileSync(
    config,
    [
      "[databases]",
      `${database} = host=${server} dbname=${database} user=jobs`,
      "[pgbouncer]",
      "listen_addr =",
      `unix_socket_dir = ${directory}`,
      "auth_type = any",
      `auth_file = ${users}`,
      "pool_mode = transaction",
      "default_pool_size = 3",
      ""
    ].join("\n")
  )
  yield* Effect.acquireRelease(
    Effect.sync(() => childProcess.spawn(file, [config], { stdio: "ignore", cwd: "/", ...someone })),
    (child) =>
      Effect.callback<void>((resume) => {
        if (child.exitCode !== null || child.signalCode !== null) return resume(Effect.void)
        child.once("exit", () => resume(Effect.void))
        child.kill("SIGKILL")
      })
  )
  const socket = path.join(directory, ".s.PGSQL.6432")
  yield* Effect.suspend(() => fs.existsSync(socket) ? Effect.void : Effect.fail("not there yet")).pipe(
    Effect.retry(Schedule.spaced("50 millis").pipe(Schedule.upTo({ duration: "1 minute" }))),
    Effect.orDie
  )
  return socket
})
