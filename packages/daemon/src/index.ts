/**
 * One process per user that holds MCP servers for every program.
 */
export * as Daemon from "./Daemon.ts"
export * as DaemonClient from "./DaemonClient.ts"
export * as DaemonControl from "./DaemonControl.ts"
export * as DaemonPlace from "./DaemonPlace.ts"
export * from "./DaemonRefusal.ts"
export type * from "./DaemonStatus.ts"
export * as Hello from "./Hello.ts"
