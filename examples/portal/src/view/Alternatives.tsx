import { useFormats } from './formatting.ts';

/** Times that are free instead of the one that was wanted, the nearest first. */
export function Alternatives({ times, onChoose }: { times: readonly string[]; onChoose(start: string): void }) {
  const formats = useFormats();
  if (times.length === 0) return <p>Nothing near it is free either.</p>;
  return (
    <div className="alternatives" role="group" aria-label="Free instead">
      <p>Free instead:</p>
      {times.map((start) => (
        <button key={start} type="button" className="time" onClick={() => onChoose(start)}>
          {formats.day(start)}, {formats.time(start)}
        </button>
      ))}
    </div>
  );
}
