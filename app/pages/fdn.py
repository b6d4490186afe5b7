from app.site import open_lab

open_lab("fdn")
