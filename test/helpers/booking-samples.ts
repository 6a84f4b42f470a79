/** The sample answers of travel-providers.md 2.4 and 2.5, as they stand there. */

export const AVAILABILITY_SAMPLE = `{"request_id":"01fr9ez700exycb98w90w5r9sh","data":[{"id":10507360,"currency":{"accommodation":"EUR","booker":"EUR"},"url":"https://www.booking.com/hotel/nl/demand-orion.html?aid=1234567",
 "products":[{"id":"1050736001_358188572_2_0_0","room":"1050736001","bundle":null,"deal":null,"inventory":{"third_party":false,"type":"sell"},"number_available":3,"maximum_occupancy":{"adults":2,"children":null,"total":2},
 "policies":{"cancellation":{"type":"free_cancellation","free_cancellation_until":"2026-09-07T22:00:00+00:00","schedule":[{"from":"now","price":{"accommodation_currency":0,"booker_currency":0}},
 {"from":"2026-09-07T22:00:00+00:00","price":{"accommodation_currency":278.4,"booker_currency":278.4}}]},"meal_plan":{"plan":"breakfast_included","meals":["breakfast"]},"payment":{"timings":["pay_at_the_property","pay_online_now"]}},
 "price":{"base":{"accommodation_currency":240,"booker_currency":240},"charges":[{"charge":21,"condition":null,"included_in":{"display":true,"chargeable_online":true},"mode":"percentage","percentage":9,
 "total_amount":{"accommodation_currency":21.6,"booker_currency":21.6},"unit_amount":null},{"charge":22,"condition":null,"included_in":{"display":true,"chargeable_online":false},"mode":"percentage","percentage":7,
 "total_amount":{"accommodation_currency":16.8,"booker_currency":16.8},"unit_amount":null}],"chargeable_online":{"accommodation_currency":261.6,"booker_currency":261.6},
 "display":{"accommodation_currency":278.4,"booker_currency":278.4},"total":{"accommodation_currency":278.4,"booker_currency":278.4}}}],"recommendation":{"price":{"total":{"accommodation_currency":278.4,"booker_currency":278.4}},
 "products":[{"id":"1050736001_358188572_2_0_0","number_of_adults":2,"children":[]}]}}]}`;

export const PREVIEW_SAMPLE = `{"request_id":"01kjan7r7yvff5yg95gxy1cjhy","data":{"accommodation":{"id":10507360,"currency":{"accommodation":"EUR","booker":"EUR"},
 "general_policies":{"payment":{"pay_online_now":{"dates":[{"at":"2026-08-01","price":{"accommodation_currency":278.4,"booker_currency":278.4}}],
 "method_required":true,"methods":{"airplus":false,"cards":[1,2,3],"wallet":false}},"pay_online_later":null,"pay_at_the_property":null}},"price":{"total":{"accommodation_currency":278.4,"booker_currency":278.4}},
 "products":[{"id":"1050736001_358188572_2_0_0","occupancy_mismatch":null,"policies":{"cancellation":[{"from":"now","price":{"accommodation_currency":0,"booker_currency":0}}],"meal_plan":{"plan":"breakfast_included","meals":["breakfast"]}},
 "price":{"total":{"accommodation_currency":278.4,"booker_currency":278.4}}}]},"order_token":"eyJvIjoiMTA1MDczNjAifQ.sim"}}`;

export const CREATE_SAMPLE = `{"request_id":"01kjan8b1m3xk2q5v9d0c7t4sp","data":{"order":"509430129718799","accommodation":{"reservation":"12345678","pincode":"0000"},"payment":{"receipt_url":"https://secure.booking.com/payment_receipt.html?bn=12345678"}}}`;

export const CANCEL_SAMPLE = `{"request_id":"01kjan8b1m3xk2q5v9d0c7t4sq","data":{"status":"successful"}}`;

export const ERROR_SAMPLE = `{"request_id":"01gw5aaj8dkh7fvgwa7phs916x","errors":[{"id":"missing_parameter","message":"Parameter 'checkin' is missing."}]}`;
