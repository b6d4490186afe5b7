from app.site import open_landing

open_landing()
