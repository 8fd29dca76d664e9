-- How to reach the citizen and what they told with the booking, JSON sealed under the appointment's key; nothing for appointments of before.
ALTER TABLE appointments ADD COLUMN details_sealed BLOB;
