import type { ServicesQuery } from '../generated/graphql.ts';
import { useFormats } from './formatting.ts';

export type Service = ServicesQuery['products']['nodes'][number];

export function Services({
  services,
  chosen,
  onChoose,
}: {
  services: readonly Service[];
  chosen: Service;
  onChoose(id: string): void;
}) {
  const { price } = useFormats();
  return (
    <fieldset className="services">
      <legend>Service</legend>
      {services.map((service) => (
        <label key={service.id} className="card">
          <input
            type="radio"
            name="service"
            checked={service === chosen}
            onChange={() => onChoose(service.id)}
            disabled={service.stock === 0}
          />
          <span className="name">{service.name}</span>
          <span className="price">{service.stock === 0 ? 'Sold out' : price(service.price)}</span>
          {service.description && <span className="text">{service.description}</span>}
        </label>
      ))}
    </fieldset>
  );
}
