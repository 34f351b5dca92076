/**
 * The files that wrap the platform: the only sources that may touch time, randomness, timers, promises, the process or
 * I/O directly. Everywhere else these come through Effect services, so that the whole runtime can run under a seeded
 * scheduler and a test clock.
 *
 * An entry that is not needed (no such file, or nothing in it uses what the entry allows) fails a test: the list can not rot.
 */

export type PlatformUse = "time" | "randomness" | "timers" | "promises" | "process" | "io"

export interface PlatformFile {
  /** Path from the root. No patterns: each file is a decision. */
  readonly file: string
  readonly allows: ReadonlyArray<PlatformUse>
  /** Why this file and not a service. */
  readonly reason: string
}

export const platformFiles: ReadonlyArray<PlatformFile> = [
  {
    file: "apps/cli/src/main.ts",
    allows: ["process", "promises"],
    reason: "runs on a Node that is too old for anything else, and says so"
  },
  {
    file: "apps/cli/src/internal/nodeMain.ts",
    allows: ["process"],
    reason: "the program's start and end: arguments, signals, exit code"
  },
  {
    file: "apps/cli/src/main.ts",
    allows: ["process"],
    reason: "the first word decides what is loaded"
  },
  {
    file: "apps/cli/src/hot/hotMain.ts",
    allows: ["process", "io", "timers"],
    reason: "a call as a bare client of the daemon's socket, which loads no Effect"
  },
  {
    file: "apps/cli/src/hot/toolsMain.ts",
    allows: ["process", "timers"],
    reason: "the tools that the daemon knows, as a bare client of its socket, which loads no Effect"
  },
  {
    file: "apps/cli/src/hot/HotDaemon.ts",
    allows: ["process", "io"],
    reason: "what these two say to the daemon first"
  },
  {
    file: "apps/cli/src/hot/HotOutput.ts",
    allows: ["process", "io", "promises"],
    reason: "what these two print"
  },
  {
    file: "apps/cli/src/hot/completionMain.ts",
    allows: ["process", "io", "promises"],
    reason: "what a shell asks at a Tab, which loads no Effect"
  },
  {
    file: "apps/cli/src/ConfigPlaces.ts",
    allows: ["process", "io"],
    reason: "where configs are looked for, for programs that load no Effect"
  },
  {
    file: "apps/cli/src/internal/connectFile.ts",
    allows: ["io", "promises"],
    reason: "the config that the program beside a host means, which loads no Effect"
  },
  {
    file: "apps/cli/src/internal/configFiles.ts",
    allows: ["process", "io"],
    reason: "config files of other programs, written whole or not at all"
  },
  {
    file: "apps/cli/src/internal/openBrowser.ts",
    allows: ["process"],
    reason: "starts a program that outlives this one, and that no supervisor is to end"
  },
  {
    file: "apps/cli/src/internal/recordingFile.ts",
    allows: ["io"],
    reason: "a recording is written line by line, so that it is there when the program is killed"
  },
  {
    file: "apps/cli/src/internal/nodeScreen.ts",
    allows: ["process", "io"],
    reason: "a terminal that is held as a whole, and given back however the process ends"
  },
  {
    file: "apps/cli/src/internal/nodeShell.ts",
    allows: ["process", "io"],
    reason: "what the shell gives the command line program, as one service: streams, environment, files"
  },
  {
    file: "packages/daemon/src/DaemonLock.ts",
    allows: ["process"],
    reason: "Node 22 warns of its SQLite on stderr"
  },
  {
    file: "packages/daemon/src/DaemonPlace.ts",
    allows: ["process", "io"],
    reason: "the files of the daemon, for programs that load no Effect"
  },
  {
    file: "packages/daemon/src/SharedServers.ts",
    allows: ["process", "io", "randomness"],
    reason: "what a user has said of servers, in a file"
  },
  {
    file: "packages/daemon/src/KeptTasks.ts",
    allows: ["process", "io"],
    reason: "handles of tasks that were left, in files, for programs without a daemon"
  },
  {
    file: "packages/daemon/src/CatalogueFiles.ts",
    allows: ["process", "io", "time"],
    reason: "files from which a shim answers before anything else runs: it loads no Effect"
  },
  {
    file: "packages/daemon/src/internal/identify.ts",
    allows: ["process", "io"],
    reason: "looks at files to tell which server a command is"
  },
  {
    file: "packages/daemon/src/Shim.ts",
    allows: ["time", "promises", "timers", "process"],
    reason: "a server over stdin and stdout that stands beside every host: it loads no Effect"
  },
  {
    file: "apps/cli/src/internal/shimMain.ts",
    allows: ["process", "promises"],
    reason: "the start and end of the program beside a host, which loads no Effect"
  },
  {
    file: "apps/cli/src/internal/goWhereTheUserIs.ts",
    allows: ["process"],
    reason: "the working directory, before anything is loaded"
  },
  {
    file: "packages/daemon/src/DaemonClient.ts",
    allows: ["process", "io", "promises", "timers", "randomness"],
    reason: "a bare client of a socket: programs that call it load no Effect"
  },
  {
    file: "packages/daemon/src/DaemonControl.ts",
    allows: ["process", "io", "promises", "timers", "time"],
    reason: "a client of the daemon, with what that one returns, which waits for the ends of processes"
  },
  {
    file: "packages/daemon/src/DaemonProcess.ts",
    allows: ["process", "io"],
    reason: "the daemon as this process: signals, exit code, the pipe to its starter"
  },
  {
    file: "packages/daemon/src/internal/startDaemon.ts",
    allows: ["process", "io", "promises", "timers"],
    reason: "starts a process that is to outlive this one, for programs that load no Effect"
  },
  {
    file: "packages/daemon/src/internal/inherited.ts",
    allows: ["process", "io"],
    reason: "descriptors and umask of this process, which no service knows"
  },
  {
    file: "packages/daemon/src/internal/listener.ts",
    allows: ["io"],
    reason: "the listening socket of the daemon"
  },
  {
    file: "packages/daemon/src/internal/logFile.ts",
    allows: ["io"],
    reason: "a log that is written before anything else can happen, whatever becomes of the fibers"
  },
  {
    file: "packages/daemon/src/internal/identityOf.ts",
    allows: ["io"],
    reason: "looks whether the daemon's own files are there"
  },
  {
    file: "packages/daemon/src/internal/processMemory.ts",
    allows: ["io", "process", "promises"],
    reason: "the memory of processes, as /proc tells it"
  },
  {
    file: "packages/daemon/src/internal/nodePlatform.ts",
    allows: ["process", "randomness"],
    reason: "the daemon's own process and secrets"
  },
  {
    file: "packages/dashboard/src/DashboardAccess.ts",
    allows: ["randomness"],
    reason: "secrets that let a person in: they come from the platform's generator, not from one that a test may seed"
  },
  {
    file: "packages/dashboard/src/DashboardListener.ts",
    allows: ["io"],
    reason: "the listening socket of the page, on a port of this machine"
  },
  {
    file: "packages/dashboard/src/internal/PageFiles.ts",
    allows: ["io", "process", "promises"],
    reason: "the files of the page, which the workspace makes of its sources"
  },
  {
    file: "packages/mcp/src/internal/http/HttpAgent.ts",
    allows: ["process", "io"],
    reason: "sockets: the one place that talks to undici, and to the environment about proxies"
  },
  {
    file: "packages/mcp/src/internal/Lifeline.ts",
    allows: ["timers"],
    reason: "what keeps a program alive and what does not is a property of Node's timers"
  },
  {
    file: "packages/mcp/src/internal/config/fileHints.ts",
    allows: ["io", "promises"],
    reason:
      "watches the folders of a configuration file, which Effect's FileSystem cannot do without holding the program"
  },
  {
    file: "packages/mcp/src/internal/calls/guardedListener.ts",
    allows: ["promises"],
    reason: "a caller's function may be async, and its rejection must not end the program"
  },
  {
    file: "packages/mcp/src/promise.ts",
    allows: ["promises"],
    reason: "the entry for programs without Effect: its callers want promises"
  },
  {
    file: "packages/mcp/src/internal/promise/open.ts",
    allows: ["promises"],
    reason: "what that entry gives its callers: promises"
  },
  {
    file: "packages/mcp/src/internal/promise/Reading.ts",
    allows: ["promises"],
    reason: "an async iterator, which is made of promises"
  },
  {
    file: "packages/mcp/src/internal/promise/adapters.ts",
    allows: ["promises", "io"],
    reason: "the functions of such a caller, which answer at once or by a promise; stderr, where its logger fails"
  },
  {
    file: "packages/mcp/src/internal/nodePlatform.ts",
    allows: ["process", "io"],
    reason:
      "reads the configuration file and what it names, the environment and the directories, for layers that need nothing provided"
  },
  {
    file: "packages/mcp/src/internal/sdk/authorize.ts",
    allows: ["io", "promises"],
    reason: "the SDK's OAuth works by fetch and promises"
  },
  {
    file: "packages/mcp/src/internal/sdk/storedToken.ts",
    allows: ["promises"],
    reason: "an OAuth provider of the SDK answers at once or by a promise, as it likes"
  },
  {
    file: "packages/process/src/ChildEnvironment.ts",
    allows: ["process"],
    reason: "a child's environment is chosen from this program's own"
  },
  {
    file: "packages/process/src/HomeDirectory.ts",
    allows: ["process"],
    reason: "the list of users, for programs that are to be quick"
  },
  {
    file: "packages/process/src/SupervisedProcess.ts",
    allows: ["process", "io", "timers"],
    reason: "starts and ends processes; one turn of the event loop lets the last output of a dead one arrive"
  },
  {
    file: "packages/process/src/Capabilities.ts",
    allows: ["process"],
    reason: "what can be promised depends on the system"
  },
  {
    file: "packages/process/src/internal/Escapees.ts",
    allows: ["process"],
    reason: "signals single processes that have left their group"
  },
  {
    file: "packages/process/src/internal/Ledger.ts",
    allows: ["process", "io"],
    reason: "the small file that a runtime leaves for those who clean up after it"
  },
  {
    file: "packages/process/src/internal/LivingGroups.ts",
    allows: ["process"],
    reason: "kills what is left when this program exits, where no fiber runs any more"
  },
  {
    file: "packages/process/src/internal/ProcFs.ts",
    allows: ["process", "io"],
    reason: "reads the process table"
  },
  {
    file: "packages/process/src/internal/ProcessGroup.ts",
    allows: ["process", "io"],
    reason: "signals a process group, and asks the process table who is left of it"
  },
  {
    file: "packages/process/src/internal/ReaperProcess.ts",
    allows: ["process", "io"],
    reason: "starts the reaper and holds its lifeline"
  },
  {
    file: "packages/process/src/internal/Runtime.ts",
    allows: ["randomness", "time", "timers"],
    reason:
      "this JavaScript process as the owner of children: its random name, and the clock that paces its reaper's replacement"
  },
  {
    file: "packages/process/src/internal/TagWalk.ts",
    allows: ["timers"],
    reason: "cuts a walk through the process table into turns of the event loop"
  },
  {
    file: "packages/process/src/internal/SpawnDiagnosis.ts",
    allows: ["io"],
    reason: "looks at the file that could not be started, to say why"
  },
  {
    file: "packages/server/src/internal/nodeCrypto.ts",
    allows: ["randomness"],
    reason: "ids of sessions are secrets: they come from the platform's generator, not from one that a test may seed"
  },
  {
    file: "packages/server/src/internal/http/nodeServer.ts",
    allows: ["io"],
    reason: "the listening socket, with the limits and the end that Node's server does not have by itself"
  },
  {
    file: "packages/jobs/src/internal/sqlite/RunnerLocks.ts",
    allows: ["io"],
    reason: "an SQLite transaction on a file is the one lock that the kernel takes back from a dead process"
  },
  {
    file: "packages/jobs/src/internal/sqlite/StoreFile.ts",
    allows: ["io"],
    reason: "compares the files of an open database with those that have its name"
  },
  {
    file: "packages/jobs/src/internal/ProcessIdentity.ts",
    allows: ["randomness", "process", "io"],
    reason: "which process runs a job, and whether that process still lives: what no service knows"
  },
  {
    file: "packages/server/src/internal/http/eventResponse.ts",
    allows: ["io"],
    reason:
      "an open stream is written into Node's response itself: a stream of Effect's takes memory and a turn of a fiber for each"
  },
  {
    file: "packages/server/src/internal/http/readBody.ts",
    allows: ["io"],
    reason: "a body is read from Node's events: a stream of Effect's costs more than all else that a small request does"
  },
  {
    file: "packages/server/src/internal/nodeMain.ts",
    allows: ["process"],
    reason: "signals and the exit code of the process that a server is"
  },
  {
    file: "packages/server/src/internal/stdio/nodeStdio.ts",
    allows: ["process"],
    reason: "stdin, stdout and the parent of the process that a stdio server is"
  },
  {
    file: "apps/scan-server/src/internal/scanFiles.ts",
    allows: ["io", "promises"],
    reason: "files read in a thread of its own, where waiting for the disk harms nobody"
  },
  {
    file: "apps/scan-server/src/internal/listFiles.ts",
    allows: ["io"],
    reason: "folders read in such a thread"
  },
  {
    file: "apps/scan-server/src/internal/openInside.ts",
    allows: ["io"],
    reason: "judges a path by its descriptor, which no service of Effect's gives"
  },
  {
    file: "apps/scan-server/src/internal/gitHistory.ts",
    allows: ["process", "promises"],
    reason: "reads what git tells, in such a thread"
  },
  {
    file: "apps/scan-server/src/internal/matchText.ts",
    allows: ["promises"],
    reason: "the matcher runs in such a thread, and secretlint answers by promises"
  },
  {
    file: "apps/scan-server/src/internal/secretlintPreset.ts",
    allows: ["promises"],
    reason: "secretlint answers by promises"
  },
  {
    file: "apps/scan-server/src/internal/nodeRandom.ts",
    allows: ["randomness"],
    reason: "keys of fingerprints are secrets: they come from the platform's generator"
  },
  {
    file: "apps/scan-server/src/internal/nodeScanMain.ts",
    allows: ["process"],
    reason: "the start and end of the program that makes one scan: arguments and exit code"
  },
  {
    file: "apps/scan-server/src/internal/nodeThreads.ts",
    allows: ["process"],
    reason: "threads as resources: what no service of Effect's gives back to be interrupted"
  },
  {
    file: "apps/scan-server/src/internal/scanWorker.ts",
    allows: ["process", "promises"],
    reason: "the other side of such a thread"
  },
  {
    file: "apps/scan-server/src/internal/nodeMain.ts",
    allows: ["process"],
    reason: "the program's start and end: arguments and the working directory"
  }
]
