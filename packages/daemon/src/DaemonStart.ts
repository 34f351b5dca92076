/**
 * Starts the daemon. A module of its own, because most clients find one that runs, and load nothing of this; and one that can be imported,
 * because a bundle of a client is not where the daemon's own files are.
 */
export { startDaemon } from "./internal/startDaemon.ts"
