// Preloaded into every child of the launcher. The channel to it closes when it dies, by whatever signal; the child then ends
// itself in the orderly way, so that nothing is left running unseen. Not kept alive by the channel itself.
const HARD_EXIT_AFTER_MS = 20_000;

if (process.connected) {
  process.once('disconnect', () => {
    setTimeout(() => process.exit(1), HARD_EXIT_AFTER_MS).unref();
    process.kill(process.pid, 'SIGTERM');
  });
  process.channel?.unref();
}
