//! The submit.

use crate::fault_matrix::operation::{Column, Effect, Operation, RESULT};
use crate::fault_matrix::responses::{accepted, is_submit};
use crate::support::client::predictor;

pub fn operations() -> Vec<Operation> {
    let ran = Effect::Each("ran");
    vec![
        Operation::new(
            "InvokeEndpointAsync",
            Column::Submit,
            is_submit,
            |_| accepted(),
            |setup| {
                let _ = predictor(&setup.session).predict_async("x")?;
                Ok(RESULT)
            },
        )
        .with_effect(ran),
        Operation::new(
            "InvokeEndpointAsync",
            Column::Duplicates,
            is_submit,
            |_| accepted(),
            |setup| {
                let predictor = predictor(&setup.session);
                let _ = predictor.request("x").allow_duplicates().submit()?;
                Ok(RESULT)
            },
        )
        .with_effect(ran),
    ]
}
