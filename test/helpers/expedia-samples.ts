/** The samples of travel-providers.md section 1, as they stand there. */

export const SHOP_SAMPLE = `[{"property_id":"19248","status":"available","score":10052,"rooms":[{"id":"201318","room_name":"Superior Queen Room","rates":[{"id":"206295235","status":"available","available_rooms":4,"refundable":true,"member_deal_available":false,
 "sale_scenario":{"package":false,"member":false,"corporate":false,"distribution":false},"merchant_of_record":"expedia","amenities":{"2192":{"id":"2192","name":"Free WiFi"}},
 "links":{"payment_options":{"method":"GET","href":"/v3/properties/19248/payment-options?token=Ab1"}},"bed_groups":{"37321":{"id":"37321","description":"1 Queen Bed","configuration":[{"type":"QueenBed","size":"Queen","quantity":1}],
 "links":{"price_check":{"method":"GET","href":"/v3/properties/19248/rooms/201318/rates/206295235?token=Cd2"}}}},
 "cancel_penalties":[{"currency":"USD","start":"2026-09-07T18:00:00.000-07:00","end":"2026-09-09T18:00:00.000-07:00","nights":"1"}],"occupancy_pricing":{"2-9,4":{
 "nightly":[[{"type":"base_rate","value":"118.00","currency":"USD"},{"type":"tax_and_service_fee","value":"16.52","currency":"USD"}],
 [{"type":"base_rate","value":"118.00","currency":"USD"},{"type":"tax_and_service_fee","value":"16.52","currency":"USD"}]],
 "totals":{"inclusive":{"billable_currency":{"value":"269.04","currency":"USD"},"request_currency":{"value":"269.04","currency":"USD"}},
 "exclusive":{"billable_currency":{"value":"236.00","currency":"USD"},"request_currency":{"value":"236.00","currency":"USD"}},
 "property_inclusive":{"billable_currency":{"value":"299.04","currency":"USD"},"request_currency":{"value":"299.04","currency":"USD"}}},
 "fees":{"resort_fee":{"billable_currency":{"value":"30.00","currency":"USD"},"request_currency":{"value":"30.00","currency":"USD"}}}}}}]}],
 "links":{"additional_rates":{"method":"GET","href":"/v3/properties/19248/availability?token=Ef3"}}}]`;

export const PRICE_CHECK_SAMPLE = `{"status":"price_changed","occupancy_pricing":{"2":{"nightly":[[{"type":"base_rate","value":"124.00","currency":"USD"},{"type":"tax_and_service_fee","value":"17.36","currency":"USD"}]],
 "totals":{"inclusive":{"billable_currency":{"value":"141.36","currency":"USD"},"request_currency":{"value":"141.36","currency":"USD"}}}}},
 "links":{"book":{"method":"POST","href":"/v3/itineraries?token=Gh4","expires":"2026-08-01T10:25:00.000Z"},"additional_rates":{"method":"GET","href":"/v3/properties/19248/availability?token=Ij5"}}}`;

export const BOOK_SAMPLE = `{"itinerary_id":"8999989898988","links":{"retrieve":{"method":"GET","href":"/v3/itineraries/8999989898988?token=Kl6"}}}`;

export const ITINERARY_SAMPLE = `{"itinerary_id":"8999989898988","property_id":"19248","email":"ana@example.com","phone":{"country_code":"1","area_code":"206","number":"5550100"},
 "rooms":[{"id":"d08572fc-82d2-4d5d-ad30-60f5be7fb53e","confirmation_id":{"expedia":"1234567890","property":"BEF23123AA"},"bed_group_id":"37321","checkin":"2026-09-09","checkout":"2026-09-11","number_of_adults":2,"child_ages":[9,4],
 "given_name":"Ana","family_name":"Silva","status":"booked","smoking":false,"rate":{"id":"206295235","merchant_of_record":"expedia","refundable":true,"cancel_refund":{"amount":"269.04","currency":"USD"},
 "pricing":{"totals":{"inclusive":{"billable_currency":{"value":"269.04","currency":"USD"}}}}},"links":{"cancel":{"method":"DELETE","href":"/v3/itineraries/8999989898988/rooms/d08572fc-82d2-4d5d-ad30-60f5be7fb53e?token=Mn7"}}}],
 "creation_date_time":"2026-08-01T10:12:03.112Z","affiliate_reference_id":"GW-01J4ZK8Q0T"}`;

export const ERROR_SAMPLE = `{"type":"invalid_input","message":"See nested errors.","errors":[{"type":"checkin.invalid_date_format","message":"Bad check-in date.","fields":[{"name":"checkin","type":"querystring","value":"2026-9-9"}]}]}`;

export const UNAUTHENTICATED_SAMPLE = `{"type":"request_unauthenticated","message":"Authentication data missing or wrong.","fields":[{"name":"apikey","type":"header","value":"4rgwtestapikey0example9x2"},{"name":"signature","type":"header","value":"bad"},
 {"name":"timestamp","type":"header","value":"1767225600"},{"name":"servertimestamp","type":"server","value":"1767229200"}]}`;

export const NOTICE_SAMPLE = `{"event_id":"e02d6f41-4708-476f-915d-8a7032942e94","event_type":"itinerary.supplier.cancel","event_time":"2026-08-02T20:31:03.423Z",
 "itinerary_id":"8999989898988","email":"ana@example.com","message":"Cancelled by the property.","affiliate_reference_id":"GW-01J4ZK8Q0T"}`;
