-- New words of the ledger. A migration of its own: an enum's new value can't be used in the transaction that adds it.
alter type ledger_account_kind add value if not exists 'WALLET';
alter type ledger_account_kind add value if not exists 'WALLET_OWED';
alter type ledger_account_kind add value if not exists 'CASHBACK_PENDING';
alter type ledger_account_kind add value if not exists 'CASHBACK_CREDITED';
alter type ledger_account_kind add value if not exists 'CASHBACK_TOTAL';
alter type ledger_account_kind add value if not exists 'LOYALTY_COST';
alter type ledger_account_kind add value if not exists 'ADJUSTMENTS_GIVEN';
alter type ledger_account_kind add value if not exists 'ADJUSTMENTS_TAKEN';
alter type ledger_account_kind add value if not exists 'POINTS';
alter type ledger_account_kind add value if not exists 'POINTS_OWED';
alter type ledger_account_kind add value if not exists 'POINTS_ISSUED';
alter type ledger_account_kind add value if not exists 'POINTS_REDEEMED';
alter type ledger_account_kind add value if not exists 'POINTS_EXPIRED';
